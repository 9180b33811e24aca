package filter

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"sockwire/capture"
)

// TestRandomWords puts words of the language together at random, mostly wrongly, and checks that we accept
// what libpcap accepts and refuse what it refuses.
func TestRandomWords(t *testing.T) {
	if _, err := exec.LookPath("tcpdump"); err != nil && os.Getenv("REQUIRE_PEERS") == "" {
		t.Skip("tcpdump is not installed")
	}
	o := newOracle(t)
	rng := rand.New(rand.NewPCG(randomSeed(t), 13))
	accepted, refused := 0, 0
	for end := time.Now().Add(randomTime(t)); time.Now().Before(end); {
		expr := randomWords(rng)
		f, err := Parse(expr)
		if err == nil {
			_, _, err = lower(f, capture.LinkEthernet, &Options{})
		}
		_, theirs := o.ask(capture.LinkEthernet, expr, false, false)
		switch {
		case err == nil && theirs == nil:
			accepted++
		case err != nil && theirs != nil:
			refused++
		case theirs != nil && ourExtra(theirs), differsByVersion(expr, err):
		default:
			t.Errorf("%q: we say %v, libpcap %v", expr, err, theirs)
		}
	}
	t.Logf("%d accepted, %d refused by both", accepted, refused)
}

var grammarWords = strings.Fields(`ip ip6 arp tcp udp icmp icmp6 ether link src dst host net port portrange proto protochain gateway mask
	and or not && || ! ( ) [ ] : + - * / % & | ^ << >> < > = != >= <= len less greater byte broadcast multicast vlan mpls pppoes
	geneve llc ui type isis l1 iso decnet 1.1 80 0 443 0x10 192.0.2.1 10.0.0 10 /8 / 24 2001:db8::1 ::1 00:00:5e:00:53:01 http domain
	\tcp \ip tcp-syn icmptype 1-1023 http-domain $1a localhost`)

func randomWords(rng *rand.Rand) string {
	pick := func(w ...string) string { return w[rng.IntN(len(w))] }
	var words []string
	for range 1 + rng.IntN(3) {
		g := &generator{rng, capture.LinkEthernet}
		words = append(words, strings.Fields(g.term(2))...)
		words = append(words, pick("and", "or", "and not", "or ("))
		if words[len(words)-1] == "or (" {
			words = append(words, strings.Fields(g.term(1)+pick(" or 80", " and 443", ""))...)
			words = append(words, ")", "and")
		}
	}
	words = words[:len(words)-1]
	for range rng.IntN(3) {
		i := rng.IntN(len(words) + 1)
		switch rng.IntN(3) {
		case 0:
			words = slices.Insert(words, i, grammarWords[rng.IntN(len(grammarWords))])
		case 1:
			if i < len(words) && len(words) > 1 {
				words = slices.Delete(words, i, i+1)
			}
		case 2:
			if i < len(words) {
				words[i] = grammarWords[rng.IntN(len(grammarWords))]
			}
		}
	}
	return strings.Join(words, " ")
}

// differsByVersion are expressions that libpcap 1.10 takes or refuses otherwise than 1.11, or for its own
// limits.
func differsByVersion(expr string, ours error) bool {
	if ours != nil {
		switch msg := ours.Error(); {
		case strings.Contains(msg, " is more than "):
			return true // 1.10 checks few numbers for their size
		case strings.Contains(msg, "division by zero"), strings.Contains(msg, "shift by"):
			return true // libpcap looks at the first number of the operand, we at its value
		case strings.Contains(msg, "needs the network mask"):
			return true // for a file, tcpdump says that it is 0.0.0.0
		}
	}
	for _, w := range []string{"gateway", "byte", "isis proto", "iso proto", "link proto", "ether proto", "decnet", "$1a", "protochain"} {
		if strings.Contains(expr, w) {
			return true
		}
	}
	return false
}
