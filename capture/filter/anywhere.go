package filter

func (l *lowerer) anywhere(n node) *cond {
	l.fail(n, "'anywhere:' is not supported yet")
	return nil
}
