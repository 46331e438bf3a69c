"""Score files of statements: rows in are rows scored plus rows rejected."""

from ukraine_stance.scoring.files import score_file
from ukraine_stance.scoring.job import ScoreJob
from ukraine_stance.scoring.summary import ScoreSummary

__all__ = ["ScoreJob", "ScoreSummary", "score_file"]
