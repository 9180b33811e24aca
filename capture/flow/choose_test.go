package flow

import (
	"errors"
	"strings"
	"testing"

	"sockwire/capture/filter"
)

func TestChoice(t *testing.T) {
	again := (&Verdict{Kind: Retransmission, Cause: Timer}).Set()
	for _, c := range []struct {
		text      string
		facts     Facts
		want, may bool
	}{
		{"flow.retransmission", Facts{3, again}, true, true},
		{"retransmission", Facts{3, again}, true, true},
		{"flow.timer", Facts{3, again}, true, true},
		{"flow.fast", Facts{3, again}, false, true},
		{"flow.lost", Facts{3, again}, false, true},
		{"flow.lost", Facts{3, kindSet(LostBehind)}, true, true},
		{"flow.lost", Facts{3, kindSet(LostBefore)}, true, true},
		{"flow.missed", Facts{3, (&Verdict{Kind: Missed, Cause: SACK}).Set()}, true, true},
		{"flow.sack", Facts{3, (&Verdict{Kind: Missed, Cause: SACK}).Set()}, false, true},
		{"flow.verdict", Facts{3, again}, true, true},
		{"flow.verdict", Facts{3, 0}, false, true},
		{"not flow.verdict", Facts{3, 0}, true, true},
		{"not flow.verdict", Facts{3, again}, false, false}, // no verdict is taken back
		{"flow.stream == 3", Facts{3, 0}, true, true},
		{"flow.stream==3", Facts{4, 0}, false, false},
		{"flow.stream != 3", Facts{4, 0}, true, true},
		{"flow.stream != 3", Facts{-1, 0}, false, false},
		{"not flow.stream == 3", Facts{-1, 0}, true, true},
		{"flow.stream", Facts{0, 0}, true, true},
		{"!flow.stream", Facts{-1, 0}, true, true},
		{"flow.stream >= 2 and flow.stream < 4", Facts{3, 0}, true, true},
		{"flow.stream > 3 or flow.stream <= 1", Facts{3, 0}, false, false},
		{"flow.stream == 3 && flow.timer", Facts{3, again}, true, true},
		{"flow.stream == 4 && flow.timer", Facts{3, again}, false, false},
		{"flow.lost or flow.stream == 3 and not flow.timer", Facts{3, again}, false, true},
		{"(flow.lost or flow.stream == 3) and flow.timer", Facts{3, again}, true, true},
		{"not not flow.timer", Facts{3, again}, true, true},
	} {
		choice, err := ParseChoice(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got, may := choice.Match(c.facts), choice.May(c.facts); got != c.want || may != c.may {
			t.Errorf("%s of %+v: %v, may %v; want %v, %v", c.text, c.facts, got, may, c.want, c.may)
		}
	}
}

func TestChoiceErrors(t *testing.T) {
	for _, c := range []struct {
		text    string
		column  int
		message string
		suggest string
	}{
		{"", 1, "missing at the end", ""},
		{"flow.lost and", 14, "missing at the end", ""},
		{"flow.retransmision", 1, "no verdict is called", "flow.retransmission"},
		{"flow.lost or flow.retrans", 14, "no verdict is called", "flow.retransmission"},
		{"tcp.analysis.fast_retransmission", 1, "no verdict is called", "flow.fast"},
		{"flow.lost and tcp.stream == 1", 15, "no verdict is called", "flow.stream"},
		{"zero_window", 1, "no verdict is called", "flow.zero-window"},
		{"flow.stream = 3", 13, "does not compare", "=="},
		{"flow.stream ge 3", 13, "does not compare", ">="},
		{"flow.stream == x", 16, "number of a stream", ""},
		{"flow.stream == -1", 16, "number of a stream", ""},
		{"flow.lost flow.fast", 11, "must follow", ""},
		{"(flow.lost", 1, "not closed", ""},
		{"flow.lost)", 10, "must follow", ""},
		{"(flow.lost flow.fast)", 12, "must follow", ""},
		{"and flow.lost", 1, "no verdict is called", ""},
		{"== 3", 1, "a name must stand here", ""},
		{"tcp port 80", 1, "no verdict is called", ""},
		{strings.Repeat("(", 300), 102, "too deep", ""},
		{strings.Repeat("not ", 300), 405, "too deep", ""},
	} {
		_, err := ParseChoice(c.text)
		var wrong *filter.SyntaxError
		if !errors.As(err, &wrong) {
			t.Errorf("%.30q is taken: %v", c.text, err)
			continue
		}
		if wrong.Col != c.column || !strings.Contains(wrong.Msg, c.message) || wrong.Suggest != c.suggest {
			t.Errorf("%.30q: column %d, %q, suggests %q; want %d, %q, %q", c.text, wrong.Col, wrong.Msg, wrong.Suggest, c.column, c.message, c.suggest)
		}
	}
}

// Each kind has its word, so that all that is found can be chosen.
func TestEveryKindHasAWord(t *testing.T) {
	for _, k := range Kinds() {
		c, err := ParseChoice("flow." + k.String())
		if err != nil {
			t.Errorf("%v: %v", k, err)
		} else if !c.Match(Facts{0, (&Verdict{Kind: k}).Set()}) || c.Match(Facts{0, 0}) {
			t.Errorf("flow.%v does not choose it", k)
		}
	}
}

func FuzzChoice(f *testing.F) {
	for _, s := range []string{"flow.lost", "not (flow.stream == 3 or timer) and verdict", "((", "flow.stream<=99999999999999999999", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseChoice(s)
		if err != nil {
			var wrong *filter.SyntaxError
			if !errors.As(err, &wrong) || wrong.Col < 1 || wrong.Col > len(s)+1 {
				t.Fatalf("%q: %v", s, err)
			}
			wrong.Caret()
			return
		}
		for _, found := range []Set{0, 1 << Retransmission, ^Set(0)} {
			for _, stream := range []int{-1, 0, 3} {
				if facts := (Facts{stream, found}); c.Match(facts) && !c.May(facts) {
					t.Fatalf("%q matches %+v and may not", s, facts)
				}
			}
		}
	})
}

func TestVerdictJSON(t *testing.T) {
	v := Verdict{Kind: Retransmission, Cause: Timer, evidence: [2]uint64{12, 0}, Offset: 0, Bytes: 1448, Places: 1, Delay: 204e6}
	want := `{"kind":"retransmission","cause":"timer","evidence":[12],"offset":0,"bytes":1448,"places":1,"delay_ns":204000000}`
	if got := string(v.AppendJSON(nil)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := string((&Verdict{Kind: ZeroWindow}).AppendJSON(nil)); got != `{"kind":"zero-window"}` {
		t.Error(got)
	}
}
