package filter

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"sockwire/capture"
)

// reach runs a program on the whole frame and returns its result, and one more than the last byte that it
// read: shorter cuts may go another way, longer ones cannot.
func reach(p *Program, data []byte, m *Meta) int {
	last := 0
	watch(p, data, m, func(at, size int) { last = max(last, at+size) })
	return min(last, len(data))
}

// watch runs the program like Run and reports every load of packet bytes.
func watch(p *Program, data []byte, m *Meta, load func(at, size int)) (result uint32, branches []branchTaken) {
	var a, x uint32
	var mem [memWords]uint32
	src := origin{at: -1}
	var memSrc [memWords]origin
	get := func(at uint64, size int) bool {
		if at+uint64(size) > uint64(len(data)) {
			return false
		}
		load(int(at), size)
		a = 0
		for _, b := range data[at : at+uint64(size)] {
			a = a<<8 | uint32(b)
		}
		src = origin{int(at), size, 1<<32 - 1}
		return true
	}
	steps := 0
	for pc := 0; pc < len(p.code); pc++ {
		// libpcap's protochain can go round for ever at an authentication header.
		if steps++; steps > maxSteps {
			return loopsForever, branches
		}
		i := p.code[pc]
		ok := true
		switch i.op {
		case iLdW, iLdH, iLdB:
			ok = get(uint64(i.k), map[uint8]int{iLdW: 4, iLdH: 2, iLdB: 1}[i.op])
		case iLdIndW, iLdIndH, iLdIndB:
			ok = get(uint64(x)+uint64(i.k), map[uint8]int{iLdIndW: 4, iLdIndH: 2, iLdIndB: 1}[i.op])
		case iLdxMsh:
			if ok = uint64(i.k) < uint64(len(data)); ok {
				load(int(i.k), 1)
				x = uint32(data[i.k]&0xf) * 4
			}
		case iJa:
			pc += int(int32(i.k))
		case iJeqK, iJgtK, iJgeK, iJsetK, iJeqX, iJgtX, iJgeX, iJsetX:
			k := i.k
			if i.op >= iJeqX {
				k = x
			}
			j := jump((i.op - iJeqK) % 4)
			yes := holds(j, a, k)
			branches = append(branches, branchTaken{pc, yes, src, j, k})
			pc += branch(yes, &i)
		case iRetK:
			return i.k, branches
		case iRetA:
			return a, branches
		case iSt:
			mem[i.k], memSrc[i.k] = a, src
		case iLdMem:
			a, src = mem[i.k], memSrc[i.k]
		case iAndK:
			a &= i.k
			src.mask &= i.k
		default:
			// Everything else is run by the interpreter itself, one instruction at a time.
			step := Program{raw: p.raw, code: []instruction{i, {op: iSt, k: 0}, {op: iStx, k: 1}, {op: iRetK, k: 1}}}
			if a, x, ok = runOne(step.code[0], a, x, mem, data, m); !ok {
				return 0, branches
			}
			switch i.op {
			case iLdxImm, iLdxLen, iLdxMem, iStx, iTax:
			default:
				src = origin{at: -1}
			}
			if i.op == iStx {
				mem[i.k], memSrc[i.k] = x, origin{at: -1}
			}
		}
		if !ok {
			return 0, branches
		}
	}
	return 0, branches
}

const (
	maxSteps     = 20000
	loopsForever = 1<<32 - 1
)

// runOracle is Run for libpcap's programs, which may jump backwards; ok is false where they do not end.
func runOracle(p *Program, data []byte, m *Meta) (match, ok bool) {
	for _, r := range p.raw {
		if r.Op == opJMP|jmpJA && int(int32(r.K)) < 0 {
			v, _ := watch(p, data, m, func(int, int) {})
			return v != 0, v != loopsForever
		}
	}
	return p.Match(data, m), true
}

// runOne runs one instruction that does not load packet bytes, jump or store.
func runOne(i instruction, a, x uint32, mem [memWords]uint32, data []byte, m *Meta) (uint32, uint32, bool) {
	switch i.op {
	case iLdImm:
		a = i.k
	case iLdLen:
		a = wireLength(data, m)
	case iLdExt:
		return extensionPair(i.k, a, x, data, m)
	case iLdxImm:
		x = i.k
	case iLdxLen:
		x = wireLength(data, m)
	case iLdxMem:
		x = mem[i.k]
	case iTax:
		x = a
	case iTxa:
		a = x
	case iNeg:
		a = -a
	case iStx:
	default:
		k := i.k
		op := i.op
		if op >= iAddX {
			k, op = x, []uint8{iAddK, iSubK, iMulK, iDivK, iModK, iAndK, iOrK, iXorK, iLshK, iRshK}[op-iAddX]
		}
		sign := map[uint8]string{iAddK: "+", iSubK: "-", iMulK: "*", iDivK: "/", iModK: "%", iAndK: "&", iOrK: "|", iXorK: "^", iLshK: "<<", iRshK: ">>"}[op]
		v, ok := compute(sign, a, k)
		return v, x, ok
	}
	return a, x, true
}

func extensionPair(k, a, x uint32, data []byte, m *Meta) (uint32, uint32, bool) {
	v, ok := extension(k, a, x, data, m)
	return v, x, ok
}

// origin is which bytes of the packet a value was read from.
type origin struct {
	at, size int
	mask     uint32
}

type branchTaken struct {
	pc   int
	yes  bool
	src  origin
	jump jump
	k    uint32
}

// coverBranches makes packets that take every branch of the programs that one byte pattern can decide:
// it flips the outcome of one test after another by writing the bytes that the test looks at.
func coverBranches(rng *rand.Rand, progs []*Program, seeds [][]byte, m *Meta) (packets [][]byte) {
	type side struct {
		p   *Program
		pc  int
		yes bool
	}
	seen := map[side]bool{}
	queue := slices.Clone(seeds)
	for len(queue) > 0 {
		data := queue[0]
		queue = queue[1:]
		fresh := false
		var flips []branchTaken
		for _, p := range progs {
			_, taken := watch(p, data, m, func(int, int) {})
			for _, b := range taken {
				if !seen[side{p, b.pc, b.yes}] {
					seen[side{p, b.pc, b.yes}] = true
					fresh = true
				}
				if b.src.at >= 0 && b.src.size > 0 && !seen[side{p, b.pc, !b.yes}] {
					flips = append(flips, b)
				}
			}
		}
		if !fresh {
			continue
		}
		packets = append(packets, data)
		for _, b := range flips {
			queue = append(queue, flip(rng, data, b))
		}
	}
	return packets
}

// flip writes bytes that give the test its other outcome.
func flip(rng *rand.Rand, data []byte, b branchTaken) []byte {
	var v uint32
	switch {
	case b.jump == jumpEq && !b.yes:
		v = b.k
	case b.jump == jumpEq:
		v = b.k ^ (1 << rng.IntN(8*b.src.size))
	case b.jump == jumpSet && !b.yes:
		v = b.k
	case b.jump == jumpSet:
		v = 0
	case b.yes:
		v = 0
	default:
		v = b.k + 1
	}
	d := slices.Clone(data)
	old := uint32(0)
	for i := range b.src.size {
		old = old<<8 | uint32(d[b.src.at+i])
	}
	v = old&^b.src.mask | v&b.src.mask
	for i := b.src.size - 1; i >= 0; i-- {
		d[b.src.at+i] = byte(v)
		v >>= 8
	}
	return d
}

// seedPackets are long enough for every header: zeros, ones, counting bytes and random ones.
func seedPackets(rng *rand.Rand) [][]byte {
	zeros, random, counting := make([]byte, 160), make([]byte, 200), make([]byte, 260)
	for i := range random {
		random[i] = byte(rng.Uint32())
	}
	for i := range counting {
		counting[i] = byte(i)
	}
	ip := slices.Clone(zeros)
	for i := range ip {
		ip[i] = 0x45
	}
	return [][]byte{zeros, random, counting, ip}
}

// judges are the opinions on one expression.
type judges struct {
	expr        string
	link        capture.LinkType
	opt, plain  Program
	ev          *evaluator
	theirs      Program // optimized by libpcap
	theirsPlain Program
	haveOracle  bool
	// askPlain, where it is set, compiles theirsPlain, which is the same as theirs until it is needed.
	askPlain      func() (Program, error)
	disagreements int
}

type tally struct{ packets, cuts, oracle, libpcapDiffers, endless int }

// compare asks all judges about the packet, whole and cut at every length that can matter.
func (j *judges) compare(t *testing.T, data []byte, m Meta, n *tally) bool {
	n.packets++
	end := reach(&j.opt, data, &m)
	if j.haveOracle {
		end = max(end, reach(&j.theirs, data, &m), reach(&j.theirsPlain, data, &m))
	} else {
		end = max(end, reach(&j.plain, data, &m))
	}
	m.Length = max(m.Length, len(data))
	for size := len(data); size >= 0; {
		n.cuts++
		if !j.agree(t, data[:size], &m, n) {
			return false
		}
		if size == len(data) && end < size {
			size = end
			continue
		}
		size--
	}
	return true
}

func (j *judges) agree(t *testing.T, data []byte, m *Meta, n *tally) bool {
	ours := j.opt.Match(data, m)
	if plain := j.plain.Match(data, m); plain != ours {
		return j.report(t, data, m, "unoptimized program", plain, ours)
	}
	if ev := j.ev.Match(data, m); ev != ours {
		return j.report(t, data, m, "evaluator", ev, ours)
	}
	if !j.haveOracle {
		return true
	}
	theirs, ok := runOracle(&j.theirs, data, m)
	plain, _ := runOracle(&j.theirsPlain, data, m)
	if !ok {
		n.endless++
		return true
	}
	n.oracle++
	if theirs != ours && j.askPlain != nil {
		p, err := j.askPlain()
		if err != nil {
			t.Fatal(err)
		}
		j.theirsPlain, j.askPlain = p, nil
		plain, _ = runOracle(&j.theirsPlain, data, m)
	}
	if theirs != plain {
		// libpcap's optimizer drops loads whose value it does not need, and with them the rejection of
		// packets that are too short. The language means what the program says before that.
		n.libpcapDiffers++
		theirs = plain
	}
	if theirs != ours {
		return j.report(t, data, m, "libpcap", theirs, ours)
	}
	return true
}

func (j *judges) report(t *testing.T, data []byte, m *Meta, who string, other, ours bool) bool {
	if j.disagreements++; j.disagreements > 1 {
		return false
	}
	t.Errorf("%s: %q: the program says %v, the %s %v on %d bytes (length %d, vlan %v)\n%x\n%s", j.link, j.expr, ours, who, other,
		len(data), m.Length, m.VLANPresent, data, j.opt.AppendListing(nil, ListAssembly))
	return false
}

// judgesFor compiles everywhere. Where libpcap cannot compile, there is no oracle.
func judgesFor(o *tcpdump, expr string, link capture.LinkType, opts Options) (*judges, error) {
	f, err := Parse(expr)
	if err != nil {
		return nil, err
	}
	j := &judges{expr: expr, link: link}
	opts.NoOptimize = true
	if j.plain, err = f.Compile(link, &opts); err != nil {
		return nil, err
	}
	opts.NoOptimize = false
	if j.opt, err = f.Compile(link, &opts); err != nil {
		if !strings.Contains(err.Error(), ErrNeverMatches.Error()) {
			return nil, err
		}
		j.opt = rejectAll
	}
	if j.ev, err = newEvaluator(f, link, &opts); err != nil {
		return nil, err
	}
	if o == nil {
		return j, nil
	}
	if !opts.Live && (link == capture.LinkNull || link == capture.LinkLoop) {
		return j, errors.New("libpcap 1.10 knows the address families and byte order of its own system only, also in files")
	}
	theirs, err := o.compile(link, expr, opts.Live, true)
	if err != nil && strings.Contains(err.Error(), "rejects all packets") {
		theirs, err = rejectAll, nil
	}
	if err != nil {
		return j, fmt.Errorf("libpcap: %w", err)
	}
	j.theirs, j.theirsPlain, j.haveOracle = theirs, theirs, true
	j.askPlain = func() (Program, error) { return o.compile(link, expr, opts.Live, false) }
	return j, nil
}

// wantPlain compiles theirsPlain at once, so that it judges also where theirs agrees with ours.
func (j *judges) wantPlain(t *testing.T) {
	if j.askPlain == nil {
		return
	}
	var err error
	if j.theirsPlain, err = j.askPlain(); err != nil {
		t.Fatal(err)
	}
	j.askPlain = nil
}

var rejectAll = Program{code: []instruction{{op: iRetK}}}

// libpcap110 are entries that mean something else in libpcap 1.10 than in the version they are from.
var libpcap110 = map[string]string{
	"ip_multicast":             "1.10 takes 240.0.0.0/4 for multicast",
	"igrp_88":                  "1.10 takes protocol 9 for IGRP, 1.11 the 88 of EIGRP",
	"isis_l1":                  "1.10 compares the three reserved bits before the PDU type too",
	"isis_l2":                  "1.10 compares the three reserved bits before the PDU type too",
	"isis_lsp":                 "1.10 compares the three reserved bits before the PDU type too",
	"isis_snp":                 "1.10 compares the three reserved bits before the PDU type too",
	"isis_psnp":                "1.10 compares the three reserved bits before the PDU type too",
	"igrp_88_index_IEEE802_11": "1.10 takes protocol 9 for IGRP, 1.11 the 88 of EIGRP",
}

// withoutNames puts the addresses of testNames for the names, which the system's libpcap does not know.
var withoutNames = strings.NewReplacer(
	"noeth-ipv4-noipv6.host123.libpcap.test", "192.0.2.1", "noeth-noipv4-ipv6.host123.libpcap.test", "2001:db8::1",
	"ether host eth-noipv4-noipv6.host123.libpcap.test", "ether host ab:cd:ef:0:0:1",
	"ether src host eth-noipv4-noipv6.host123.libpcap.test", "ether src host ab:cd:ef:0:0:1",
	"ether dst host eth-noipv4-noipv6.host123.libpcap.test", "ether dst host ab:cd:ef:0:0:1",
	"net-10-0-0-0.libpcap.test", "10.0.0.0/8", "net-10-20-0-0.libpcap.test", "10.20.0.0/16", "net-10-20-30-0.libpcap.test", "10.20.30.0/24")

// TestAcceptListMeaning holds the programs of the accept list against libpcap's and the evaluator, on the
// corpus's packets of the link type and on packets made for every branch, each also cut at every length.
func TestAcceptListMeaning(t *testing.T) {
	o := newOracle(t)
	names := testNames(t)
	rng := rand.New(rand.NewPCG(1, 2))
	var n tally
	compared, noOracle, excepted := 0, 0, 0
	var ratios []float64
	for _, e := range readList(t, "accept.json") {
		link, ok := linkByName(e.DLT)
		if !ok || e.Name == "bpf_image" || e.Netmask != "" || !slices.Contains(supportedLinks, link) {
			continue
		}
		opts := *e.options(names)
		if (link == capture.LinkNull || link == capture.LinkLoop) && !strings.Contains(e.Name, "offline") {
			opts.Live = true
		}
		use := o
		if libpcap110[e.Name] != "" {
			use = nil
			excepted++
		}
		j, err := judgesFor(use, withoutNames.Replace(strings.ToLower(e.Exprs[0])), link, opts)
		if j == nil {
			t.Errorf("%s: %v", e.Name, err)
			continue
		}
		if err != nil {
			noOracle++
			if os.Getenv("FILTER_FULL") != "" {
				t.Logf("no oracle: %s: %s: %.60q: %.90v", e.Name, link, e.Exprs[0], err)
			}
		} else if len(j.opt.raw) > 0 && len(j.theirs.raw) > 0 {
			ratios = append(ratios, float64(len(j.opt.raw))/float64(len(j.theirs.raw)))
		}
		if os.Getenv("FILTER_FULL") != "" {
			j.wantPlain(t)
		}
		compared++
		progs := []*Program{&j.opt, &j.plain}
		if j.haveOracle {
			progs = append(progs, &j.theirs)
		}
		packets := coverBranches(rng, progs, seedPackets(rng), nil)
		for _, data := range slices.Concat(corpusPackets(t, link), packets) {
			if !j.compare(t, data, Meta{}, &n) {
				break
			}
		}
		j.sameMeaning(t, &e, opts, packets)
	}
	slices.Sort(ratios)
	t.Logf("%d expressions compared, %d of them unknown to this libpcap, %d excepted; %d packets in %d cuts, %d answers of libpcap, in %d of which its optimizer changed its answer",
		compared, noOracle, excepted, n.packets, n.cuts, n.oracle, n.libpcapDiffers)
	if len(ratios) > 0 {
		t.Logf("program length over libpcap's: median %.2f, largest %.2f", ratios[len(ratios)/2], ratios[len(ratios)-1])
		if ratios[len(ratios)/2] > 1.5 {
			t.Errorf("the median program is longer than 1.5 times libpcap's")
		}
	}
}

// sameMeaning holds the other spellings against the first.
func (j *judges) sameMeaning(t *testing.T, e *listed, opts Options, packets [][]byte) {
	opts.NoOptimize = true
	for _, expr := range e.Exprs[1:] {
		p, err := MustParse(expr).Compile(j.link, &opts)
		if err != nil {
			t.Errorf("%q: %v", expr, err)
			continue
		}
		if slices.Equal(p.raw, j.plain.raw) || strings.HasPrefix(e.Name, "bool_reduction_returns_x") {
			continue
		}
		for _, data := range slices.Concat(corpusPackets(t, j.link), packets) {
			if p.Match(data, nil) != j.plain.Match(data, nil) {
				t.Errorf("%s: %q and %q differ on %x", e.Name, expr, e.Exprs[0], data)
				break
			}
		}
	}
}
