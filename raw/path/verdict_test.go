package path

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// model is a path whose truth is known: what each link loses, and how its routers answer.
type model struct {
	name  string
	there []float64       // loss of the link before each hop, of packets to the target
	back  []float64       // of answers that cross the same link; nil is none
	mine  map[int]float64 // loss that only the answers of this hop suffer
	limit map[int]float64 // answers a second that this hop gives; 0 is none at all
	turn  map[int]int     // the way back of this hop and those behind is so many hops longer
	want  string          // a letter for each hop
}

const (
	fastRate, slowRate = 20.0, 2.0
)

// ask adds n rounds of probes, at a rate, to the counts. bucket holds how many answers each hop has saved up.
func (m *model) ask(r *rand.Rand, hops []HopCount, n int, rate float64, bucket []float64) {
	for range n {
		for i := range hops {
			limit, limited := m.limit[i+1]
			if limited {
				bucket[i] = min(bucket[i]+limit/rate, 6)
			}
			c := &hops[i].Fast
			if rate == slowRate {
				c = &hops[i].Slow
			} else if hops[i].Slow.Sent > 0 {
				c = &hops[i].Again
			}
			c.Sent++
			arrived := true
			for k := 0; k <= i; k++ {
				arrived = arrived && r.Float64() >= m.there[k]
			}
			if arrived && limited {
				if arrived = bucket[i] >= 1; arrived {
					bucket[i]--
				}
			}
			for k := 0; k <= i && m.back != nil; k++ {
				arrived = arrived && r.Float64() >= m.back[k]
			}
			if arrived && r.Float64() >= m.mine[i+1] {
				c.Answered++
			}
		}
	}
}

// run asks until all is decided, as a caller would, or 4,000 probes have gone to each hop.
func (m *model) run(seed uint64) (verdicts []Verdict, rounds int) {
	r := rand.New(rand.NewPCG(seed, 7))
	hops := make([]HopCount, len(m.there))
	bucket := make([]float64, len(hops))
	for i := range hops {
		if m.limit[i+1] > 0 {
			bucket[i] = 6
		}
		hops[i].Back = i + 1
		for ttl, more := range m.turn {
			if i+1 >= ttl {
				hops[i].Back += more
			}
		}
	}
	m.ask(r, hops, 50, fastRate, bucket)
	rounds = 50
	for slow := 30; ; {
		verdicts = Judge{}.Counts(hops)
		more := 0
		for _, v := range verdicts {
			if v.Finding == Undecided {
				more = max(more, v.More, 1)
			}
		}
		if more == 0 || rounds > 3000 {
			return verdicts, rounds
		}
		if rounds > 50 {
			slow = min(more/2+1, 400)
			m.ask(r, hops, slow, fastRate, bucket)
			rounds += slow
		}
		m.ask(r, hops, slow, slowRate, bucket)
		rounds += slow
	}
}

func letters(verdicts []Verdict) string {
	var b strings.Builder
	for _, v := range verdicts {
		b.WriteByte("cRsPa?."[v.Finding])
	}
	return b.String()
}

func chain(n int, at map[int]float64) []float64 {
	links := make([]float64, n)
	for i, p := range at {
		links[i-1] = p
	}
	return links
}

var models = []model{
	{name: "clean", there: chain(8, nil), want: "cccccccc"},
	{name: "real from 3", there: chain(8, map[int]float64{3: 0.1}), want: "ccRRRRRR"},
	{name: "real from 1", there: chain(8, map[int]float64{1: 0.1}), want: "RRRRRRRR"},
	{name: "little from 5", there: chain(10, map[int]float64{5: 0.03}), want: "ccccRRRRRR"},
	{name: "much from 2", there: chain(5, map[int]float64{2: 0.6}), want: "cRRRR"},
	{name: "two places", there: chain(9, map[int]float64{3: 0.05, 7: 0.3}), want: "ccRRRRRRR"},
	{name: "at the target", there: chain(6, map[int]float64{6: 0.2}), want: "cccccR"},
	{name: "on the way back of all behind", there: chain(8, nil), back: chain(8, map[int]float64{4: 0.15}), want: "cccRRRRR"},
	{name: "one way back", there: chain(8, nil), mine: map[int]float64{4: 0.2}, want: "cccacccc"},
	{name: "three ways back", there: chain(8, nil), mine: map[int]float64{3: 0.2, 4: 0.2, 5: 0.2}, want: "ccaaaccc"},
	{name: "the way back turns", there: chain(8, nil), back: chain(8, map[int]float64{4: 0.15}), turn: map[int]int{4: 2}, want: "cccaaaaa"},
	{name: "one is limited", there: chain(8, nil), limit: map[int]float64{4: 1}, want: "cccscccc"},
	{name: "one is limited a little", there: chain(8, nil), limit: map[int]float64{4: 15}, want: "cccscccc"},
	{name: "all are limited", there: chain(6, nil), limit: map[int]float64{1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1}, want: "ssssss"},
	{name: "the target is limited", there: chain(6, nil), limit: map[int]float64{6: 1}, want: "cccccs"},
	{name: "one is silent", there: chain(6, nil), limit: map[int]float64{3: 0}, want: "ccsccc"},
	{name: "silent and real behind", there: chain(7, map[int]float64{5: 0.2}), limit: map[int]float64{3: 0}, want: "ccscRRR"},
	{name: "limited, and real before", there: chain(8, map[int]float64{3: 0.1}), limit: map[int]float64{5: 1}, want: "ccRRsRRR"},
	{name: "limited, and real behind", there: chain(8, map[int]float64{5: 0.1}), limit: map[int]float64{3: 1}, want: "ccscRRRR"},
	{name: "nothing from 4 on", there: chain(6, map[int]float64{4: 1}), want: "ccc..."},
}

// No verdict is wrong, whatever the seed, and few are undecided in the end.
func TestVerdictsOfModels(t *testing.T) {
	seeds := 100
	if testing.Short() {
		seeds = 20
	}
	for _, m := range models {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			wrong, undecided, hops, rounds := 0, 0, 0, 0
			var example string
			for seed := range uint64(seeds) {
				verdicts, asked := m.run(seed)
				rounds += asked
				got := letters(verdicts)
				for i := range got {
					hops++
					switch {
					case got[i] == '?':
						undecided++
					case got[i] != m.want[i]:
						if wrong++; example == "" {
							example = fmt.Sprintf("seed %d: %s, expected %s; hop %d: %+v", seed, got, m.want, i+1, verdicts[i])
						}
					}
				}
			}
			t.Logf("%d rounds on average, %d of %d hops undecided", rounds/seeds, undecided, hops)
			if wrong > 0 {
				t.Errorf("%d of %d hops are judged wrongly, as %s", wrong, hops, example)
			}
			if undecided*10 > hops {
				t.Errorf("%d of %d hops are undecided", undecided, hops)
			}
		})
	}
}

func TestExactTests(t *testing.T) {
	near := func(name string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-4*want+1e-12 {
			t.Errorf("%s is %g, expected %g", name, got, want)
		}
	}
	// Fisher's own table: 3 of 4 and 1 of 4 (The Design of Experiments, the lady tasting tea).
	near("tea", worse(Count{4, 1}, Count{4, 3}), 17.0/70)
	near("none", worse(Count{10, 10}, Count{10, 10}), 1)
	near("all", worse(Count{5, 0}, Count{5, 5}), 1.0/252)
	near("coins", atLeast(Count{10, 0}, 0.5), 1.0/1024)
	near("half", atLeast(Count{3, 1}, 0.5), 0.5)
	// Clopper and Pearson: 0 of 10 at 95 % is up to 0.3085, 5 of 10 0.1871 to 0.8129.
	_, high := bounds(Count{10, 10}, 0.05)
	near("0 of 10", high, 0.30850)
	low, high := bounds(Count{10, 5}, 0.05)
	near("5 of 10", low, 0.18709)
	near("5 of 10", high, 0.81291)
	// Where there is much: far from the mean on either side, and at it.
	near("most", atLeast(Count{3600, 3580}, 0.5), 1)
	near("median", atLeast(Count{100001, 50000}, 0.5), 0.5)
	near("alike", worse(Count{5000, 4000}, Count{5000, 3999}), 0.519935)
	if low, high := bounds(Count{3600, 3580}, 0.001); low > 20.0/3600 || high < 20.0/3600 || high > 0.02 {
		t.Errorf("20 of 3600 lost: %g to %g", low, high)
	}
	if p := worse(Count{5000, 5000}, Count{5000, 0}); p != 1 {
		t.Errorf("none against all: %g", p)
	}
	// The published stopping points, at 95 %.
	for known, want := range []int{0, 6, 11, 16, 21, 27, 33} {
		if known > 0 && Enough(known, 0.05) != want {
			t.Errorf("Enough(%d, 0.05) is %d, expected %d", known, Enough(known, 0.05), want)
		}
	}
}

// TestBusyLink: a link that loses more when more comes loses for real, as long as what is asked seldom is lost too and
// the hops behind lose as much. Routers that only limit their answers lose nothing of what is asked seldom enough.
func TestBusyLink(t *testing.T) {
	clean := HopCount{Fast: Count{200, 200}, Slow: Count{200, 200}, Again: Count{200, 200}}
	busy := HopCount{Fast: Count{200, 80}, Slow: Count{200, 140}, Again: Count{200, 80}}
	limited := HopCount{Fast: Count{200, 80}, Slow: Count{200, 200}, Again: Count{200, 80}}
	for _, tt := range []struct {
		hop  HopCount
		want Finding
	}{{busy, Real}, {limited, Seldom}} {
		for i, v := range (Judge{}).Counts([]HopCount{clean, clean, tt.hop, tt.hop, tt.hop}) {
			want := Clean
			if i >= 2 {
				want = tt.want
			}
			if v.Finding != want {
				t.Errorf("%+v: hop %d: %v, expected %v: %s", tt.hop, i+1, v.Finding, want, v.Why)
			}
		}
	}
}

// TestNoLossOfAnother: a hop whose own loss is not yet sure takes no hop behind it along that loses nothing.
func TestNoLossOfAnother(t *testing.T) {
	of := func(fast, again, slow int) HopCount {
		return HopCount{Fast: Count{25, fast}, Again: Count{25, again}, Slow: Count{34, slow}}
	}
	hops := []HopCount{of(25, 25, 34), of(4, 25, 34), of(25, 25, 34), of(19, 18, 26), of(18, 19, 26), of(18, 18, 26)}
	for i, v := range (Judge{Ratio: 4, Confidence: 0.999999}).Counts(hops) {
		if v.Finding == Real && i < 3 || v.Finding != Real && v.Finding != Undecided && i > 2 {
			t.Errorf("hop %d: %v: %s", i+1, v.Finding, v.Why)
		}
	}
}

// TestLossThatWentAway: a hop that lost much at first, nothing when it was asked often again, and one when it was asked
// seldom: that one does not show that its loss stays.
func TestLossThatWentAway(t *testing.T) {
	hops := make([]HopCount, 6)
	for i := range hops {
		hops[i] = HopCount{Fast: Count{50, 50}, Slow: Count{61, 61}, Again: Count{26, 26}}
	}
	hops[3].Fast.Answered, hops[3].Slow.Answered = 30, 60
	if v := (Judge{Ratio: 4, Confidence: 0.999999}).Counts(hops)[3]; v.Finding == Asymmetric {
		t.Errorf("%v: %s", v.Finding, v.Why)
	}
}
