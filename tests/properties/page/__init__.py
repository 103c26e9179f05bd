"""The rules of the process, held against a log by a reader of its own: raw JSON in, sentences about broken rules out.

It imports nothing of ours, and knows the study's figures by itself. What it cannot know from the records it does not say.
"""

from tests.properties.page.watching import RULES, Watch

__all__ = ["RULES", "Watch"]
