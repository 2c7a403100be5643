package harness

// Bearer returns the header Authorization of the caller.
func (c Caller) Bearer() string { return "Bearer " + c.Token }
