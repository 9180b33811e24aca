package decode

// shown decodes a layer of package app: all that is left, or a header and what it carries.
func (c *cursor) shown(t Type) Type {
	a := rowOf[t]
	b := c.left()
	if c.stream && a.length != nil && !a.whole && c.again == TypeNone {
		if n := a.length(b); n > 0 && n < c.end-c.off { // another follows it
			c.again, c.p.later.at, c.p.later.end = t, c.off+n, c.end
			c.end = c.off + n
			b = c.left()
		}
	}
	if a.carries != nil {
		if n, next := a.carries(b); n >= 0 && n <= len(b) && next != TypeNone && (n > 0 || next != TypePayload) {
			c.add(t, n)
			return next
		}
	}
	return c.rest(t)
}

// inside returns which of the rows that t carries starts at the cursor.
func (c *cursor) inside(t Type) Type {
	b := c.left()
	if len(b) > 0 {
		for _, n := range carriedIn[t] {
			if rowOf[n].may(b) {
				return n
			}
		}
	}
	return TypePayload
}
