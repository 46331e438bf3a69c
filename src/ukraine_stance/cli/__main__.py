"""`python -m ukraine_stance.cli`."""

from ukraine_stance.cli import main

main()
