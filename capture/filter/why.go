package filter

// tracer records an evaluation for Why. A nil tracer records nothing.
type tracer struct{}

func (t *tracer) enter(node)                                    {}
func (t *tracer) leave(tri)                                     {}
func (t *tracer) skipped(node)                                  {}
func (t *tracer) failed(string)                                 {}
func (t *tracer) compared(string, uint32, string, uint32, bool) {}
