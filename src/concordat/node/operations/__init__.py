"""Running nodes for others: what they say (logs), what they count (metrics), how they are (health), what is wrong
around them (the doctor), their back-ups, and moving on to the next version of the contracts.

Imports `client`, `storage`, `chain` and below; nodes know nothing of it. They log named events, and everything here
reads those, journals and chain.
"""
