package filter

import "slices"

// The optimizer keeps what libpcap's language means for short packets too: a load outside the packet
// rejects it, so a load may be left out only where the same or a longer one was made before on every path.

// maxFacts bounds the work on long expressions; forgetting a fact is always right.
const maxFacts = 64

// optimize shortens the graph until nothing changes.
func (g *graph) optimize(p pool) {
	for range 16 {
		blocks := g.order()
		changed := g.thread(p, blocks)
		if g.merge() {
			changed = true
		}
		if !changed {
			return
		}
	}
}

// thread computes the facts and leads every edge past the tests they decide.
func (g *graph) thread(p pool, blocks []*block) bool {
	changed := false
	for _, b := range blocks {
		b.in = facts{list: b.in.list[:0]}
	}
	var scratch []fact
	for {
		to, ok := g.entry.decide(&facts{}, g.reject)
		if !ok || to == g.entry {
			break
		}
		g.entry = to
		changed = true
	}
	g.entry.in.valid = true
	for _, b := range blocks {
		if b.kind == blockAccept || b.kind == blockReject || !b.in.valid {
			continue
		}
		if g.simplify(b) {
			changed = true
		}
		for way := range 2 {
			if way == 1 && b.next[1] == b.next[0] && b.kind != blockTest {
				break
			}
			out := b.out(p, way == 1, scratch)
			next := b.next[way]
			for {
				to, ok := next.decide(&out, g.reject)
				if !ok || to == next {
					break
				}
				next = to
				changed = true
			}
			b.next[way] = next
			if b.kind != blockTest {
				b.next[1-way] = next
			}
			next.in.meet(out)
			scratch = out.list
		}
	}
	return changed
}

// simplify turns a test that leads to one place into a probe and drops what is not needed.
func (g *graph) simplify(b *block) bool {
	changed := false
	if b.kind == blockTest && b.next[0] == b.next[1] {
		b.kind = blockProbe
		if b.b.fails {
			if !b.a.fails {
				b.a = b.b
			} else {
				// Both sides can reject the packet; the test keeps them.
				b.kind = blockTest
				return false
			}
		}
		b.b = nil
		changed = true
	}
	if b.kind == blockProbe && !b.a.fails {
		b.kind, b.a = blockPass, nil
		changed = true
	}
	return changed
}

// decide returns where a block leads if the facts leave no choice and passing it by changes nothing.
func (b *block) decide(f *facts, reject *block) (*block, bool) {
	if b.next[0] == reject && b.next[1] == reject {
		return reject, true
	}
	if len(b.sets) > 0 {
		return nil, false
	}
	switch b.kind {
	case blockPass:
		return b.next[0], true
	case blockProbe:
		if f.safe(b.a) {
			return b.next[0], true
		}
	case blockTest:
		if b.next[0] == b.next[1] && f.safe(b.a) && f.safe(b.b) {
			return b.next[0], true
		}
		if yes, ok := f.decide(b); ok {
			if yes {
				return b.next[1], true
			}
			return b.next[0], true
		}
	}
	return nil, false
}

// safe tells whether computing e cannot reject the packet.
func (f *facts) safe(e *expr) bool {
	if !e.fails {
		return true
	}
	for i := range f.list {
		if f.list[i].a == e || f.list[i].b == e {
			return true
		}
	}
	switch e.op {
	case exLoad:
		return e.a == nil && e.k <= maxOffset && uint64(e.k)+uint64(e.size) <= uint64(f.length)
	case exDiv, exMod:
		return e.b.op == exConst && f.safe(e.a)
	case exNeg:
		return f.safe(e.a)
	case exNone:
		return false
	}
	return f.safe(e.a) && f.safe(e.b)
}

// decide tells what the test of b gives, if the facts say.
func (f *facts) decide(b *block) (yes, ok bool) {
	if !f.safe(b.a) || !f.safe(b.b) {
		return false, false
	}
	if b.b.op != exConst {
		for i := range f.list {
			if t := &f.list[i]; !t.probe && t.a == b.a && t.b == b.b && t.jump == b.jump {
				return t.yes, true
			}
		}
		return false, false
	}
	k := b.b.k
	low, high := uint32(0), b.a.max
	var zeros uint32 // bits known to be clear
	for i := range f.list {
		t := &f.list[i]
		if t.probe || t.a != b.a || t.b.op != exConst {
			continue
		}
		v := t.b.k
		switch {
		case t.jump == jumpEq && t.yes:
			return holds(b.jump, v, k), true
		case t.jump == jumpEq:
			if b.jump == jumpEq && v == k {
				return false, true
			}
		case t.jump == jumpSet && t.yes:
			if b.jump == jumpSet && v&^k == 0 {
				return true, true
			}
			if b.jump == jumpEq && k&v == 0 {
				return false, true
			}
		case t.jump == jumpSet:
			zeros |= v
		case t.jump == jumpGt && t.yes:
			low = max(low, v+1)
		case t.jump == jumpGt:
			high = min(high, v)
		case t.jump == jumpGe && t.yes:
			low = max(low, v)
		case t.jump == jumpGe && v > 0:
			high = min(high, v-1)
		}
	}
	switch b.jump {
	case jumpEq:
		if k < low || k > high || k&zeros != 0 {
			return false, true
		}
		if low == high && k == low {
			return true, true
		}
	case jumpGt:
		if low > k {
			return true, true
		}
		if high <= k {
			return false, true
		}
	case jumpGe:
		if low >= k {
			return true, true
		}
		if high < k {
			return false, true
		}
	case jumpSet:
		if k&^zeros == 0 {
			return false, true
		}
		if bits := widen(high); k&bits == 0 {
			return false, true
		}
	}
	return false, false
}

// widen sets every bit below the highest.
func widen(v uint32) uint32 {
	for s := 1; s < 32; s *= 2 {
		v |= v >> s
	}
	return v
}

// out returns the facts on one edge out of b, in the memory of scratch.
func (b *block) out(p pool, yes bool, scratch []fact) facts {
	f := facts{valid: true, length: b.in.length}
	f.list = append(scratch[:0], b.in.list...)
	for _, s := range b.sets {
		f.compute(s.e)
		n := 0
		for _, t := range f.list {
			if (t.a.vars|varsOf(t.b))&(1<<s.v) == 0 {
				f.list[n] = t
				n++
			}
		}
		f.list = f.list[:n]
		if s.e.op == exConst {
			f.add(fact{a: p.variable(s.v), b: s.e, jump: jumpEq, yes: true})
		}
	}
	switch b.kind {
	case blockProbe:
		f.compute(b.a)
		f.add(fact{a: b.a, probe: true})
	case blockTest:
		f.compute(b.a)
		f.compute(b.b)
		f.add(fact{a: b.a, b: b.b, jump: b.jump, yes: yes})
	}
	return f
}

func varsOf(e *expr) uint16 {
	if e == nil {
		return 0
	}
	return e.vars
}

func (f *facts) add(t fact) {
	if len(f.list) >= maxFacts {
		// What a value is not says less than what it is.
		i := max(slices.IndexFunc(f.list, func(t fact) bool { return t.jump == jumpEq && !t.yes && !t.probe }), 0)
		f.list = slices.Delete(f.list, i, i+1)
	}
	f.list = append(f.list, t)
}

// compute notes what is known once e was computed: the packet is long enough, and its parts were computed.
func (f *facts) compute(e *expr) {
	if e == nil || !e.fails {
		return
	}
	if e.op == exLoad && e.a == nil && e.k <= maxOffset {
		f.length = max(f.length, e.k+uint32(e.size))
		return
	}
	f.compute(e.a)
	f.compute(e.b)
	if e.op == exLoad || e.op == exDiv || e.op == exMod {
		for i := range f.list {
			if f.list[i].a == e {
				return
			}
		}
		f.add(fact{a: e, probe: true})
	}
}

// meet keeps what holds on one more path too.
func (f *facts) meet(g facts) {
	if !f.valid {
		*f = facts{list: append(f.list[:0], g.list...), length: g.length, valid: true}
		return
	}
	f.length = min(f.length, g.length)
	n := 0
	for _, t := range f.list {
		same, computed := false, false
		for _, u := range g.list {
			same = same || t == u
			computed = computed || t.a == u.a
		}
		if !same && computed {
			// The outcomes differ or belong to different tests, but a was computed both times.
			t = fact{a: t.a, probe: true}
		}
		if same || computed {
			f.list[n] = t
			n++
		}
	}
	f.list = f.list[:n]
}

// merge makes equal blocks one and joins assignments to the block that follows them alone.
func (g *graph) merge() bool {
	type key struct {
		kind    blockKind
		jump    jump
		a, b    *expr
		no, yes *block
		v       int
		e       *expr
	}
	changed := false
	blocks := g.order()
	same := map[*block]*block{}
	known := map[key]*block{}
	to := func(b *block) *block {
		if r := same[b]; r != nil {
			return r
		}
		return b
	}
	for i := len(blocks) - 1; i >= 0; i-- {
		b := blocks[i]
		if b.kind == blockAccept || b.kind == blockReject {
			continue
		}
		b.next[0], b.next[1] = to(b.next[0]), to(b.next[1])
		k := key{kind: b.kind, jump: b.jump, a: b.a, b: b.b, no: b.next[0], yes: b.next[1], v: -1}
		switch len(b.sets) {
		case 0:
		case 1:
			k.v, k.e = b.sets[0].v, b.sets[0].e
		default:
			continue
		}
		if old := known[k]; old != nil {
			same[b] = old
			changed = true
			continue
		}
		known[k] = b
	}
	g.entry = to(g.entry)
	return changed
}
