package filter

import (
	"cmp"
	"errors"

	"sockwire/capture"
)

// Compile makes a classic BPF program for a link type. What the link type cannot carry is refused, with a
// *SyntaxError that says where; so is, unless Options.NoOptimize is set, what provably matches no packet
// (a *NeverError, which says what excludes what). opts may be nil. The program has at most MaxInstructions and is
// accepted by the Linux kernel.
func (f *Filter) Compile(link capture.LinkType, opts *Options) (Program, error) {
	opts = cmp.Or(opts, &Options{})
	c, l, err := lower(f, link, opts)
	if err != nil {
		return Program{}, err
	}
	p, err := f.compile(c, l)
	if l.chained && errors.Is(err, ErrTooLarge) {
		few := *opts
		few.fewHeaders = true
		if c, l, err = lower(f, link, &few); err != nil {
			return Program{}, err
		}
		return f.compile(c, l)
	}
	return p, err
}

// compile makes a program of a condition.
func (f *Filter) compile(c *cond, l *lowerer) (Program, error) {
	opts := l.opts
	g, err := build(c)
	if err != nil {
		return Program{}, err
	}
	if !opts.NoOptimize {
		g.optimize(l.pool)
		if g.entry == g.reject {
			return Program{}, f.never(l.outermost, opts)
		}
	}
	snap := uint32(DefaultSnaplen)
	if opts.Snaplen > 0 {
		snap = uint32(opts.Snaplen)
	}
	raw, err := g.assemble(l.pool, snap)
	if err != nil {
		return Program{}, err
	}
	return NewProgram(raw)
}
