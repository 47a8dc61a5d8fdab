"""The key by which a stack file says that an endpoint may leave its callers."""

MAY_STOP = "scoring:mayStopAnswering"
