"""Score files of statements: rows in are rows scored plus rows rejected."""

from ukraine_stance.scoring.files import ScoreJob, ScoreSummary, score_file

__all__ = ["ScoreJob", "ScoreSummary", "score_file"]
