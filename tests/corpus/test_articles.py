import hashlib
import os
from pathlib import Path

import pytest

from ukraine_stance.corpus import articles
from ukraine_stance.errors import UserMistake

TITLE = "Veldmark lends two ferries to its neighbour"
SENTENCE = "The council of Veldmark voted on Tuesday to lend two ferries."
PAGE = """<html><head><title>Veldmark lends two ferries - Veldmark Courier</title>
<meta property="og:title" content="Veldmark lends two ferries to its neighbour">
<meta property="og:site_name" content="Veldmark Courier">
<meta property="article:published_time" content="2024-05-03T10:00:00Z"></head>
<body><nav><a href="/">Home</a> <a href="#text">Skip to content</a></nav>
<article><h1>Veldmark lends two ferries to its neighbour</h1><p>By Ada Lindqvist</p>
<p>The council of <b>Veldmark</b> voted on Tuesday to lend <a href="/x">two ferries</a>.</p>
<h2>What comes next</h2>
<p>The crews will leave before the end of the month, its chair told the members.</p>
<ul><li>one ferry for the northern harbour</li><li>another for the islands</li></ul>
<p>Nobody in the hall spoke against the plan, which costs four million crowns.</p></article>
<footer>All rights reserved</footer></body></html>"""


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def texts(article: articles.Article) -> list[tuple[str, str]]:
    return [(block.kind, article.body[block.start : block.end]) for block in article.blocks]


def test_a_text_file_is_its_decoded_content_and_nothing_else(tmp_path: Path) -> None:
    content = f"\r\n{TITLE}\r\n\r\n \u00a0{SENTENCE} \U0001f6a2\r\n"
    article = articles.read(written(tmp_path, "a.b.txt", content))
    assert article.body == content
    assert article.sha256 == hashlib.sha256(content.encode()).hexdigest()
    assert article.article_id == "a.b"
    assert texts(article) == [("headline", TITLE), ("body", f"{SENTENCE} \U0001f6a2")]
    assert article.title == TITLE


def test_a_byte_order_mark_moves_no_offset(tmp_path: Path) -> None:
    content = f"{TITLE}\n{SENTENCE}"
    marked = articles.read(written(tmp_path, "marked.txt", b"\xef\xbb\xbf" + content.encode()))
    plain = articles.read(written(tmp_path, "plain.txt", content))
    assert (marked.body, marked.sha256, marked.blocks) == (plain.body, plain.sha256, plain.blocks)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_file_that_is_not_utf8_is_refused_with_the_byte_and_a_remedy(tmp_path: Path, mark: bytes) -> None:
    path = written(tmp_path, "a.txt", mark + "Ostrow für alle".encode("latin-1"))
    with pytest.raises(UserMistake) as caught:
        articles.read(path)
    assert str(caught.value).startswith(f"{path}: not UTF-8 at byte {8 + len(mark)} (0xfc); save the file as UTF-8")
    assert "\n" not in str(caught.value)


def test_html_becomes_the_text_that_runs_across_its_tags(tmp_path: Path) -> None:
    article = articles.read(written(tmp_path, "a.html", PAGE))
    assert texts(article) == [
        ("headline", TITLE),
        ("body", SENTENCE),
        ("crosshead", "What comes next"),
        ("body", "The crews will leave before the end of the month, its chair told the members."),
        ("item", "one ferry for the northern harbour"),
        ("item", "another for the islands"),
        ("body", "Nobody in the hall spoke against the plan, which costs four million crowns."),
    ]
    assert (article.title, article.date, article.outlet) == (TITLE, "2024-05-03", "Veldmark Courier")
    assert article.sha256 == hashlib.sha256(article.body.encode()).hexdigest()


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.txt", ""), ("a.txt", " \r\n\u00a0\n"), ("a.html", "<html></html>"), ("a.htm", "")],
)
def test_a_file_without_text_is_refused(tmp_path: Path, name: str, content: str) -> None:
    path = written(tmp_path, name, content)
    with pytest.raises(UserMistake, match="holds no article text"):
        articles.read(path)


def test_a_missing_file_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserMistake, match=r"a\.txt: cannot be read"):
        articles.read(tmp_path / "a.txt")


def test_a_folder_gives_its_articles_by_name_and_a_line_for_each_bad_file(tmp_path: Path) -> None:
    written(tmp_path, "b.txt", SENTENCE)
    written(tmp_path, "a.HTML", PAGE)
    written(tmp_path, "c.txt", b"\xff\xfe")
    written(tmp_path, "notes.md", "no article")
    written(tmp_path, "._b.txt", b"\x00\xff")
    found, faults = articles.read_folder(tmp_path)
    assert [article.article_id for article in found] == ["a", "b"]
    assert [fault.partition(": ")[0] for fault in faults] == [str(tmp_path / "c.txt")]


def test_two_files_of_one_id_are_not_mixed_up(tmp_path: Path) -> None:
    written(tmp_path, "a.html", PAGE)
    written(tmp_path, "a.txt", SENTENCE)
    found, faults = articles.read_folder(tmp_path)
    assert [article.path.name for article in found] == ["a.html"]
    assert faults == [f"{tmp_path / 'a.txt'}: has the same article id as a.html; rename one of them"]


def test_a_folder_that_is_missing_or_holds_no_article_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserMistake, match="no such folder"):
        articles.read_folder(tmp_path / "none")
    with pytest.raises(UserMistake, match="holds no article file"):
        articles.read_folder(tmp_path)


def test_explain_tells_of_every_line_what_became_of_it(tmp_path: Path) -> None:
    lines = articles.explain(written(tmp_path, "a.txt", f"{TITLE}\n\nBy Ada Lindqvist\n{SENTENCE}\n"))
    assert [(line.number, line.kind, line.rule) for line in lines] == [
        (1, "headline", "first title"),
        (3, None, "byline"),
        (4, "body", "text"),
    ]


# What the five articles that the project was made with must give: lines kept of each kind, lines dropped.
REAL = {
    "000_7adf82797d7af9fd": ({"headline": 1, "body": 7}, 43),
    "001_9a710b5906e88b3e": ({"headline": 1, "body": 12}, 2),
    "002_f9b3bc02f16413e9": ({"headline": 1, "body": 11, "crosshead": 4, "item": 3}, 3),
    "003_0ff7fed9a6d849b5": ({"body": 11}, 1),
    "004_b7b79b4de034053b": ({"headline": 1, "body": 8}, 1),
}


@pytest.mark.skipif("STANCE_ARTICLES" not in os.environ, reason="STANCE_ARTICLES does not name the folder of articles")
def test_the_real_articles_keep_their_text_and_lose_their_furniture() -> None:
    found, faults = articles.read_folder(Path(os.environ["STANCE_ARTICLES"]))
    counted = {}
    for article in found:
        lines = articles.explain(article.path)
        kinds = [line.kind for line in lines if line.kind]
        counted[article.article_id] = (
            {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)},
            len(lines) - len(kinds),
        )
    assert faults == []
    assert {name: counted.get(name) for name in REAL} == REAL
