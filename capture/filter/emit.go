package filter

import (
	"fmt"

	"golang.org/x/net/bpf"
)

// Instruction classes, modes and operations of classic BPF (linux/bpf_common.h).
const (
	opLD, opLDX, opST, opSTX, opALU, opJMP, opRET, opMISC = 0, 1, 2, 3, 4, 5, 6, 7

	sizeW, sizeH, sizeB = 0x00, 0x08, 0x10

	modeIMM, modeABS, modeIND, modeMEM, modeLEN, modeMSH = 0x00, 0x20, 0x40, 0x60, 0x80, 0xa0

	aluADD, aluSUB, aluMUL, aluDIV, aluOR, aluAND, aluLSH, aluRSH, aluNEG, aluMOD, aluXOR = 0x00, 0x10, 0x20, 0x30,
		0x40, 0x50, 0x60, 0x70, 0x80, 0x90, 0xa0

	jmpJA, jmpJEQ, jmpJGT, jmpJGE, jmpJSET = 0x00, 0x10, 0x20, 0x30, 0x40

	srcK, srcX = 0x00, 0x08

	retA = 0x10

	miscTAX, miscTXA = 0x00, 0x80
)

// memWords is how many scratch words a program has.
const memWords = 16

// registers are the values that A and X hold for sure. Each may have two names: what was computed, and
// the variable it was stored to.
type registers struct {
	a, aVar *expr
	x, xVar *expr
	valid   bool
}

func (r *registers) hasA(e *expr) bool { return e != nil && (r.a == e || r.aVar == e) }
func (r *registers) hasX(e *expr) bool { return e != nil && (r.x == e || r.xVar == e) }

func (r *registers) setA(e *expr) { r.a, r.aVar = e, nil }
func (r *registers) setX(e *expr) { r.x, r.xVar = e, nil }

// kill forgets what reads the variable.
func (r *registers) kill(v int) {
	for _, p := range []**expr{&r.a, &r.aVar, &r.x, &r.xVar} {
		if *p != nil && (*p).vars&(1<<v) != 0 {
			*p = nil
		}
	}
}

func (r *registers) meet(s registers) {
	if !r.valid {
		*r = s
		return
	}
	var m registers
	m.valid = true
	for _, e := range []*expr{r.a, r.aVar} {
		if s.hasA(e) {
			m.a, m.aVar = e, m.a
		}
	}
	for _, e := range []*expr{r.x, r.xVar} {
		if s.hasX(e) {
			m.x, m.xVar = e, m.x
		}
	}
	*r = m
}

// assembler writes the blocks as instructions.
type assembler struct {
	pool
	code  []bpf.RawInstruction
	slots [memWords]int // of the variables; -1 where not used
	temps int           // scratch words in use, variables included
	reg   registers
	err   error
	fixes []fix
}

// fix is a jump whose targets are blocks; an unconditional one has jumpYes alone.
type fix struct {
	at          int
	conditional bool
	to          [2]*block
	far         [2]bool // the target is out of reach of a conditional jump
}

const (
	jumpYes = 0
	jumpNo  = 1
)

// assemble writes the program; accept returns snap.
func (g *graph) assemble(p pool, snap uint32) ([]bpf.RawInstruction, error) {
	g.initialise(p)
	blocks := g.order()
	if len(blocks) > MaxInstructions {
		return nil, fmt.Errorf("filter: %w: more than %d instructions", ErrTooLarge, MaxInstructions)
	}
	as := &assembler{pool: p}
	as.assignSlots(blocks)
	in := make([]registers, len(blocks))
	in[0] = registers{valid: true}
	// The two returns come last, where every jump can reach them forward.
	body := make([]*block, 0, len(blocks))
	for _, b := range blocks {
		if b.kind != blockAccept && b.kind != blockReject {
			body = append(body, b)
		}
	}
	for i, b := range body {
		if len(as.code) > MaxInstructions {
			return nil, fmt.Errorf("filter: %w: more than %d instructions", ErrTooLarge, MaxInstructions)
		}
		as.reg = in[b.id]
		b.home = len(as.code)
		for _, s := range b.sets {
			as.assign(s)
		}
		switch b.kind {
		case blockTest:
			as.test(b)
		case blockProbe:
			as.loadA(b.a)
		}
		if b.kind != blockTest && (i+1 == len(body) || body[i+1] != b.next[0]) {
			as.fixes = append(as.fixes, fix{at: len(as.code), to: [2]*block{jumpYes: b.next[0]}})
			as.op(opJMP|jmpJA, 0)
		}
		in[b.next[0].id].meet(as.reg)
		in[b.next[1].id].meet(as.reg)
	}
	if as.err != nil {
		return nil, as.err
	}
	for _, b := range blocks {
		switch b.kind {
		case blockAccept:
			b.home = len(as.code)
			as.op(opRET|srcK, snap)
		case blockReject:
			b.home = len(as.code)
			as.op(opRET|srcK, 0)
		}
	}
	return as.link(blocks)
}

// initialise sets variables to zero that some path reads before it sets them: the kernel refuses a
// program that could read scratch memory it did not write.
func (g *graph) initialise(p pool) {
	blocks := g.order()
	assigned := make([]uint16, len(blocks))
	reached := make([]bool, len(blocks))
	reached[0] = true
	var missing uint16
	for _, b := range blocks {
		if b.kind == blockAccept || b.kind == blockReject {
			continue
		}
		have := assigned[b.id]
		for _, s := range b.sets {
			missing |= s.e.vars &^ have
			have |= 1 << s.v
		}
		missing |= (varsOf(b.a) | varsOf(b.b)) &^ have
		for _, n := range b.next {
			if !reached[n.id] {
				reached[n.id], assigned[n.id] = true, have
			} else {
				assigned[n.id] &= have
			}
		}
	}
	if missing == 0 {
		return
	}
	init := &block{kind: blockPass, next: [2]*block{g.entry, g.entry}}
	for v := range memWords {
		if missing&(1<<v) != 0 {
			init.sets = append(init.sets, set{v, p.constant(0)})
		}
	}
	g.entry = init
}

func (as *assembler) assignSlots(blocks []*block) {
	var used uint16
	for _, b := range blocks {
		used |= varsOf(b.a) | varsOf(b.b)
		for _, s := range b.sets {
			used |= 1<<s.v | s.e.vars
		}
	}
	for v := range memWords {
		as.slots[v] = -1
		if used&(1<<v) != 0 {
			as.slots[v] = as.temps
			as.temps++
		}
	}
}

func (as *assembler) op(code uint16, k uint32) {
	as.code = append(as.code, bpf.RawInstruction{Op: code, K: k})
}

// temp takes a scratch word for an intermediate value.
func (as *assembler) temp() int {
	t := as.temps
	if t >= memWords {
		as.err = fmt.Errorf("filter: %w: its arithmetic needs more than %d scratch words", ErrTooLarge, memWords)
		return 0
	}
	as.temps++
	return t
}

func (as *assembler) assign(s set) {
	v := as.variable(s.v)
	inX := as.reg.hasX(s.e) || !as.reg.hasA(s.e) && headerLengthOf(s.e) != nil
	if inX && !as.reg.hasA(s.e) {
		as.loadX(s.e)
		as.op(opSTX, uint32(as.slots[s.v]))
		as.reg.kill(s.v)
		as.reg.xVar = v
		return
	}
	as.loadA(s.e)
	as.op(opST, uint32(as.slots[s.v]))
	as.reg.kill(s.v)
	as.reg.aVar = v
}

// headerLengthOf returns the load of 4*(byte&0xf), which X takes in one instruction.
func headerLengthOf(e *expr) *expr {
	if e.op != exLsh || e.b.op != exConst || e.b.k != 2 || e.a.op != exAnd || e.a.b.op != exConst || e.a.b.k != 0xf {
		return nil
	}
	if l := e.a.a; l.op == exLoad && l.size == 1 && l.a == nil && l.k < extBase {
		return l
	}
	return nil
}

// keepsA tells whether X can take the value without a detour through A.
func (as *assembler) keepsA(e *expr) bool {
	return as.reg.hasX(e) || e.op == exConst || e.op == exVar || headerLengthOf(e) != nil
}

// keepsX tells whether A can take the value without touching X.
func keepsX(e *expr) bool {
	switch e.op {
	case exConst, exLen, exVar:
		return true
	case exLoad:
		return e.a == nil
	case exNeg:
		return keepsX(e.a)
	}
	return e.op != exNone && e.b.op == exConst && keepsX(e.a)
}

// loadX does not use "ldx #pktlen", which x/net's disassembler takes for a load into A.
func (as *assembler) loadX(e *expr) {
	if as.reg.hasX(e) {
		return
	}
	switch {
	case as.reg.hasA(e):
		as.op(opMISC|miscTAX, 0)
	case e.op == exConst:
		as.op(opLDX|modeIMM, e.k)
	case e.op == exVar:
		as.op(opLDX|modeMEM, uint32(as.slots[e.k]))
	case headerLengthOf(e) != nil:
		as.op(opLDX|modeMSH|sizeB, headerLengthOf(e).k)
	default:
		as.loadA(e)
		as.op(opMISC|miscTAX, 0)
	}
	as.reg.setX(e)
}

func (as *assembler) loadA(e *expr) {
	if as.reg.hasA(e) {
		return
	}
	switch {
	case as.reg.hasX(e):
		as.op(opMISC|miscTXA, 0)
	case e.op == exConst:
		as.op(opLD|modeIMM, e.k)
	case e.op == exLen:
		as.op(opLD|modeLEN, 0)
	case e.op == exVar:
		as.op(opLD|modeMEM, uint32(as.slots[e.k]))
	case e.op == exLoad:
		size := map[uint8]uint16{1: sizeB, 2: sizeH, 4: sizeW}[e.size]
		if e.a == nil {
			as.op(opLD|modeABS|size, e.k)
		} else {
			as.loadX(e.a)
			as.op(opLD|modeIND|size, e.k)
		}
	case e.op == exNeg:
		as.loadA(e.a)
		as.op(opALU|aluNEG, 0)
	default:
		as.alu(e)
	}
	as.reg.setA(e)
}

var aluOps = [...]uint16{exAdd: aluADD, exSub: aluSUB, exMul: aluMUL, exDiv: aluDIV, exMod: aluMOD, exAnd: aluAND,
	exOr: aluOR, exXor: aluXOR, exLsh: aluLSH, exRsh: aluRSH}

func (as *assembler) alu(e *expr) {
	if e.b.op == exConst {
		as.loadA(e.a)
		as.op(opALU|srcK|aluOps[e.op], e.b.k)
		return
	}
	as.pair(e.a, e.b, commutes(e.op))
	as.op(opALU|srcX|aluOps[e.op], 0)
}

// pair brings a into A and b into X, or the other way round where that is as good and shorter.
func (as *assembler) pair(a, b *expr, either bool) {
	if either && !as.keepsA(b) && !keepsX(a) && keepsX(b) {
		a, b = b, a
	}
	switch {
	case as.reg.hasA(a) && as.keepsA(b):
		as.loadX(b)
	case as.reg.hasX(b) && keepsX(a):
		as.loadA(a)
	case as.keepsA(b):
		as.loadA(a)
		as.loadX(b)
		if !as.reg.hasA(a) {
			// Bringing a into A gave up what X held of b, and getting b back cost A.
			as.viaTemp(a, b)
		}
	case keepsX(a):
		as.loadX(b)
		as.loadA(a)
	default:
		as.viaTemp(a, b)
	}
}

func (as *assembler) viaTemp(a, b *expr) {
	as.loadA(b)
	t := as.temp()
	as.op(opST, uint32(t))
	as.loadA(a)
	as.op(opLDX|modeMEM, uint32(t))
	as.reg.setX(b)
	as.temps--
}

var jumpOps = [...]uint16{jumpEq: jmpJEQ, jumpGt: jmpJGT, jumpGe: jmpJGE, jumpSet: jmpJSET}

func (as *assembler) test(b *block) {
	code, k := opJMP|jumpOps[b.jump], uint32(0)
	if b.b.op == exConst {
		as.loadA(b.a)
		code, k = code|srcK, b.b.k
	} else {
		as.pair(b.a, b.b, b.jump == jumpEq || b.jump == jumpSet)
		code |= srcX
	}
	as.fixes = append(as.fixes, fix{at: len(as.code), conditional: true,
		to: [2]*block{jumpYes: b.next[1], jumpNo: b.next[0]}})
	as.op(code, k)
}

// link fills in the jumps. A conditional jump reaches 255 instructions; where its target is farther, it
// jumps to an unconditional one right behind it.
func (as *assembler) link(blocks []*block) ([]bpf.RawInstruction, error) {
	for {
		// moved[i] is where instruction i goes once the unconditional jumps are put in.
		moved := make([]int, len(as.code)+1)
		n, f := 0, 0
		for i := range as.code {
			moved[i] = n
			n++
			if f < len(as.fixes) && as.fixes[f].at == i {
				for _, far := range as.fixes[f].far {
					if far {
						n++
					}
				}
				f++
			}
		}
		if n > MaxInstructions {
			return nil, fmt.Errorf("filter: %w: %d instructions, at most %d", ErrTooLarge, n, MaxInstructions)
		}
		again := false
		for i := range as.fixes {
			x := &as.fixes[i]
			for way, to := range x.to {
				if x.conditional && !x.far[way] && moved[to.home]-moved[x.at]-1 > 255 {
					x.far[way], again = true, true
				}
			}
		}
		if !again {
			return as.place(moved, n), nil
		}
	}
}

func (as *assembler) place(moved []int, n int) []bpf.RawInstruction {
	out := make([]bpf.RawInstruction, 0, n)
	f := 0
	for i, ins := range as.code {
		out = append(out, ins)
		if f >= len(as.fixes) || as.fixes[f].at != i {
			continue
		}
		x := as.fixes[f]
		f++
		self := len(out) - 1
		if !x.conditional {
			out[self].K = uint32(moved[x.to[jumpYes].home] - self - 1)
			continue
		}
		var skips [2]uint8
		for way, to := range x.to {
			target := moved[to.home]
			if x.far[way] {
				target = len(out)
				out = append(out, bpf.RawInstruction{Op: opJMP | jmpJA, K: uint32(moved[to.home] - len(out) - 1)})
			}
			skips[way] = uint8(target - self - 1)
		}
		out[self].Jt, out[self].Jf = skips[jumpYes], skips[jumpNo]
	}
	return out
}
