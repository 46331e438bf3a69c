"""Article files, as text or HTML, to articles: the body as decoded, and the lines of it that are the article."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import trafilatura
from trafilatura.settings import Document

from ukraine_stance.corpus import furniture
from ukraine_stance.errors import UserMistake
from ukraine_stance.files import sha256_text
from ukraine_stance.records import Article, Block

SUFFIXES = (".txt", ".html", ".htm")

# Pinned one by one, so that a new default of trafilatura's cannot move the offsets of labels.
_EXTRACTION: Mapping[str, Any] = {
    "fast": False,
    "favor_precision": False,
    "favor_recall": False,
    "include_comments": False,
    "include_tables": False,
    "include_images": False,
    "include_links": False,
    "include_formatting": False,
    "deduplicate": False,
    "with_metadata": True,
    # The searching mode guesses at dates in the text; a wrong date is worse than none.
    "date_extraction_params": {"original_date": True, "extensive_search": False},
}


def read(path: Path) -> Article:
    """Read one article; its id is the file's name without the ending.

    For text the body is the file decoded as UTF-8 with nothing changed but a byte order mark left out; for HTML it is
    what trafilatura extracts. Raises UserMistake for a file that cannot be read, decoded, or holds no text.
    """
    body, about = _read_body(path)
    lines = furniture.judge(body)
    blocks = tuple(Block(line.start, line.end, line.kind) for line in lines if line.kind)
    headline = next((line.text for line in lines if line.kind == "headline"), None)
    return Article(
        article_id=path.stem,
        path=path,
        body=body,
        sha256=sha256_text(body),
        blocks=blocks,
        title=about.get("title") or headline,
        date=about.get("date"),
        outlet=about.get("outlet"),
    )


def read_folder(folder: Path) -> tuple[list[Article], list[str]]:
    """Read every article file right inside a folder, sorted by name, and say in one line what is wrong with each other.

    Raises UserMistake where the folder is missing or holds no article file.
    """
    if not folder.is_dir():
        raise UserMistake(f"{folder}: no such folder; give the folder that holds the article files")
    paths = sorted(path for path in folder.iterdir() if _is_article_file(path))
    if not paths:
        raise UserMistake(f"{folder}: holds no article file; put files ending in {', '.join(SUFFIXES)} there")
    articles: dict[str, Article] = {}
    faults: list[str] = []
    for path in paths:
        try:
            article = read(path)
        except UserMistake as mistake:
            faults.append(str(mistake))
            continue
        first = articles.setdefault(article.article_id, article)
        if first is not article:
            faults.append(f"{path}: has the same article id as {first.path.name}; rename one of them")
    return list(articles.values()), faults


def explain(path: Path) -> tuple[furniture.Line, ...]:
    """Tell for each line of an article whether it was kept, as what, and by which rule."""
    return furniture.judge(_read_body(path)[0])


def _is_article_file(path: Path) -> bool:
    return path.suffix.casefold() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _read_body(path: Path) -> tuple[str, dict[str, str | None]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserMistake(f"{path}: cannot be read: {error.strerror}") from error
    about: dict[str, str | None] = {}
    if path.suffix.casefold() == ".txt":
        body = _decode(content, path)
    else:
        body, about = _extract(content)
    if not body.strip():
        raise UserMistake(f"{path}: holds no article text; remove the file, or save the text itself as {path.stem}.txt")
    return body, about


def _decode(content: bytes, path: Path) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The position counts from the start of the file; the codec leaves the three bytes of a mark out.
        position = error.start + (3 if content.startswith(b"\xef\xbb\xbf") else 0)
        raise UserMistake(
            f"{path}: not UTF-8 at byte {position} (0x{content[position]:02x}); save the file as UTF-8,"
            " for instance with: iconv -f WINDOWS-1252 -t UTF-8"
        ) from error


def _extract(content: bytes) -> tuple[str, dict[str, str | None]]:
    document = trafilatura.bare_extraction(content, **_EXTRACTION)
    if not isinstance(document, Document):
        return "", {}
    return document.text or "", {"title": document.title, "date": document.date, "outlet": document.sitename}
