package filter

// The compiler works in three steps: lower turns the syntax tree into conditions over values (this
// file), optimize links them into a graph of blocks and shortens it, emit writes instructions.

// exprOp is the kind of a value.
type exprOp uint8

const (
	exConst exprOp = iota
	exLen          // the frame's length on the wire
	exVar          // a variable, see vars
	exLoad         // size bytes of the packet at a+k, at k where a is nil
	exAdd
	exSub
	exMul
	exDiv
	exMod
	exAnd
	exOr
	exXor
	exLsh
	exRsh
	exNeg
	exNone // a load that always lies outside the packet
)

// expr is a value. Equal values of one compilation are the same pointer.
type expr struct {
	op   exprOp
	size uint8 // exLoad
	a, b *expr
	k    uint32 // exConst: the value; exLoad: the offset; exVar: the index
	vars uint16 // the variables it reads
	max  uint32 // no larger value is possible
	// fails says that computing it can reject the packet: it loads or divides.
	fails bool
	// cost counts the operations to compute it, shared ones every time.
	cost int
}

// maxCost bounds the operations of one value: beyond it no program is short enough.
const maxCost = MaxInstructions

// pool makes values, simplifies them and keeps one of each.
type pool map[expr]*expr

func (p pool) intern(e expr) *expr {
	if old := p[e]; old != nil {
		return old
	}
	n := new(expr)
	*n = e
	p[e] = n
	return n
}

func (p pool) constant(v uint32) *expr { return p.intern(expr{op: exConst, k: v, max: v}) }
func (p pool) length() *expr           { return p.intern(expr{op: exLen, max: 1<<32 - 1}) }
func (p pool) none() *expr             { return p.intern(expr{op: exNone, max: 1<<32 - 1, fails: true}) }

// variable reads a variable. All of them hold offsets and such: sums of a few header lengths.
func (p pool) variable(i int) *expr {
	return p.intern(expr{op: exVar, k: uint32(i), vars: 1 << i, max: 1<<20 - 1})
}

// maxOffset is the largest offset that is not taken for a Linux extension or a negative number.
const maxOffset = 1<<31 - 1

// load reads at base+k; base may be nil. An offset that no packet reaches gives exNone.
func (p pool) load(base *expr, k uint64, size int) *expr {
	if base != nil && base.op == exNone {
		return base
	}
	if base != nil && base.op == exConst {
		k, base = k+uint64(base.k), nil
	}
	if k > maxOffset {
		return p.none()
	}
	return p.loadAt(base, uint32(k), size)
}

// extension reads one of the Linux extensions.
func (p pool) extension(k uint32, size int) *expr { return p.loadAt(nil, k, size) }

func (p pool) loadAt(base *expr, k uint32, size int) *expr {
	e := expr{op: exLoad, a: base, k: k, size: uint8(size), max: uint32(uint64(1)<<(8*size) - 1), fails: true}
	if base != nil {
		e.vars, e.cost = base.vars, base.cost+1
	}
	if k >= extBase {
		e.fails = false
		e.max = 1<<32 - 1
	}
	return p.intern(e)
}

// alu combines two values; b is nil for exNeg.
func (p pool) alu(op exprOp, a, b *expr) *expr {
	if a.op == exNone || b != nil && b.op == exNone {
		return p.none()
	}
	if op == exNeg {
		if a.op == exConst {
			return p.constant(-a.k)
		}
		return p.intern(expr{op: exNeg, a: a, vars: a.vars, max: 1<<32 - 1, fails: a.fails, cost: a.cost + 1})
	}
	if b.op == exConst {
		if a.op == exConst {
			if v, ok := fold(op, a.k, b.k); ok {
				return p.constant(v)
			}
		}
		if e := p.identity(op, a, b.k); e != nil {
			return e
		}
	} else if a.op == exConst && commutes(op) {
		a, b = b, a
		if e := p.identity(op, a, b.k); e != nil {
			return e
		}
	}
	if (op == exLsh || op == exRsh) && b.op != exConst && b.max > 31 {
		return p.guardedShift(op, a, b)
	}
	return p.rawALU(op, a, b)
}

func (p pool) rawALU(op exprOp, a, b *expr) *expr {
	e := expr{op: op, a: a, b: b, vars: a.vars | b.vars, fails: a.fails || b.fails, cost: a.cost + b.cost + 1}
	if (op == exDiv || op == exMod) && b.op != exConst {
		e.fails = true
	}
	e.max = bound(op, a, b)
	return p.intern(e)
}

// guardedShift makes a shift by 32 or more give 0, as in libpcap; the kernel would shift by the low
// five bits. over is 1 where b is too large, so that over-1 keeps or clears all bits of the result.
func (p pool) guardedShift(op exprOp, a, b *expr) *expr {
	high := p.rawALU(exRsh, b, p.constant(5))
	over := p.rawALU(exRsh, p.rawALU(exOr, high, p.alu(exNeg, high, nil)), p.constant(31))
	shifted := p.rawALU(op, a, p.rawALU(exAnd, b, p.constant(31)))
	return p.rawALU(exAnd, p.rawALU(exSub, over, p.constant(1)), shifted)
}

func commutes(op exprOp) bool {
	return op == exAdd || op == exMul || op == exAnd || op == exOr || op == exXor
}

// identity returns a where the constant changes nothing.
func (p pool) identity(op exprOp, a *expr, k uint32) *expr {
	switch op {
	case exAdd, exSub, exOr, exXor, exLsh, exRsh:
		if k == 0 {
			return a
		}
	case exMul, exDiv:
		if k == 1 {
			return a
		}
	case exAnd:
		if a.max&^k == 0 && k&(k+1) == 0 {
			return a
		}
		if a.op == exAnd && a.b.op == exConst {
			return p.alu(exAnd, a.a, p.constant(a.b.k&k))
		}
	}
	return nil
}

func fold(op exprOp, l, r uint32) (uint32, bool) {
	return compute(opSigns[op], l, r)
}

var opSigns = map[exprOp]string{
	exAdd: "+", exSub: "-", exMul: "*", exDiv: "/", exMod: "%",
	exAnd: "&", exOr: "|", exXor: "^", exLsh: "<<", exRsh: ">>",
}

var signOps = func() map[string]exprOp {
	m := map[string]exprOp{}
	for op, s := range opSigns {
		m[s] = op
	}
	return m
}()

// bound is the largest result.
func bound(op exprOp, a, b *expr) uint32 {
	const most = 1<<32 - 1
	limit := func(v uint64) uint32 { return uint32(min(v, most)) }
	wide := func(v uint64) uint32 {
		if v > most {
			return most // it wraps
		}
		return uint32(v)
	}
	switch op {
	case exAdd:
		return wide(uint64(a.max) + uint64(b.max))
	case exMul:
		return wide(uint64(a.max) * uint64(b.max))
	case exAnd:
		return min(a.max, b.max)
	case exOr, exXor:
		m := uint64(max(a.max, b.max))
		for m&(m+1) != 0 {
			m |= m >> 1
		}
		return limit(m)
	case exDiv:
		if b.op == exConst && b.k > 0 {
			return a.max / b.k
		}
		return a.max
	case exMod:
		if b.op == exConst && b.k > 0 {
			return min(a.max, b.k-1)
		}
		return a.max
	case exLsh:
		if b.op == exConst {
			return wide(uint64(a.max) << b.k)
		}
	case exRsh:
		if b.op == exConst {
			return a.max >> b.k
		}
		return a.max
	}
	return most
}

// jump is a comparison, unsigned.
type jump uint8

const (
	jumpEq jump = iota
	jumpGt
	jumpGe
	jumpSet // a&b != 0
)

type condKind uint8

const (
	condTrue condKind = iota
	condFalse
	condFail // rejects the packet, even under "not"
	condTest
	condNot
	condAnd
	condOr
	condDo   // true, after its assignments
	condPart // what a part of the expression came to: x; see lowerer.parts
)

// cond is a condition on the packet, evaluated from left to right and no further than needed. A load
// outside the packet rejects the packet.
type cond struct {
	kind  condKind
	jump  jump
	a, b  *expr
	x, y  *cond
	steps []step

	// For people: what is tested, and the comparison as it was asked for, before it was simplified to a and b.
	what        string
	asked       jump
	left, right *expr
	node        node // condPart
}

// of says what the tests of a condition look at, where that was not said yet.
func (c *cond) of(what string) *cond {
	switch c.kind {
	case condTest, condFail, condDo:
		if c.what == "" {
			c.what = what
		}
	case condNot:
		c.x.of(what)
	case condAnd, condOr:
		c.x.of(what)
		c.y.of(what)
	}
	return c
}

// step assigns to a variable or, where when is set, takes the steps only if it holds.
type step struct {
	v    int
	e    *expr
	when *cond
	then []step
}

var (
	always = &cond{kind: condTrue}
	never  = &cond{kind: condFalse}
)

func and(x, y *cond) *cond {
	switch {
	case x.kind == condFalse || y.kind == condTrue:
		return x
	case x.kind == condTrue:
		return y
	}
	return &cond{kind: condAnd, x: x, y: y}
}

func or(x, y *cond) *cond {
	switch {
	case x.kind == condTrue || y.kind == condFalse:
		return x
	case x.kind == condFalse:
		return y
	}
	return &cond{kind: condOr, x: x, y: y}
}

func negate(x *cond) *cond {
	switch x.kind {
	case condTrue:
		return never
	case condFalse:
		return always
	case condNot:
		return x.x
	}
	return &cond{kind: condNot, x: x}
}

// test compares two values.
func (p pool) test(j jump, a, b *expr) *cond {
	c := p.compare(j, a, b)
	t := c
	if t.kind == condNot {
		t = t.x
	}
	if t.kind == condTest {
		t.asked, t.left, t.right = j, a, b
	}
	return c
}

func (p pool) compare(j jump, a, b *expr) *cond {
	if a.op == exNone || b.op == exNone {
		return &cond{kind: condFail}
	}
	if a.op == exConst && b.op != exConst {
		switch j {
		case jumpEq, jumpSet:
			a, b = b, a
		case jumpGt: // a > b is not b >= a
			return negate(p.compare(jumpGe, b, a))
		case jumpGe:
			return negate(p.compare(jumpGt, b, a))
		}
	}
	if a.op == exConst && b.op == exConst {
		if holds(j, a.k, b.k) {
			return always
		}
		return never
	}
	if j == jumpEq && b.op == exConst && a.op == exAnd && a.b.op == exConst {
		mask := a.b.k
		if b.k == 0 {
			return negate(&cond{kind: condTest, jump: jumpSet, a: a.a, b: a.b})
		}
		if b.k == mask && mask&(mask-1) == 0 {
			return &cond{kind: condTest, jump: jumpSet, a: a.a, b: a.b}
		}
	}
	return &cond{kind: condTest, jump: j, a: a, b: b}
}

func holds(j jump, a, b uint32) bool {
	switch j {
	case jumpEq:
		return a == b
	case jumpGt:
		return a > b
	case jumpGe:
		return a >= b
	default:
		return a&b != 0
	}
}

// MaxInstructions is the longest program that the Linux kernel takes.
const MaxInstructions = 4096
