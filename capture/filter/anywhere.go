package filter

func (e *evaluation) walkAnywhere(n node) tri { return e.walk(n) }

func (l *lowerer) anywhere(n node) *cond {
	l.fail(n, "'anywhere:' is not supported yet")
	return nil
}
