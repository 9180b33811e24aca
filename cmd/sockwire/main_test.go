package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"sockwire/capture/golden"
	"sockwire/capture/trace/show"
	"sockwire/cmd/internal/cli/clitest"
	"sockwire/raw/netlab"
)

var commands = map[string]func(){"sockwire": main}

// TestMain runs the tests inside namespaces, and the command as a script calls it outside of them: it makes its own.
func TestMain(m *testing.M) {
	if _, ok := commands[filepath.Base(os.Args[0])]; ok {
		testscript.Main(m, commands)
	}
	netlab.Run(scripts{m})
}

type scripts struct{ m *testing.M }

func (s scripts) Run() int {
	testscript.Main(s.m, commands)
	return 0
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			dir, err := filepath.Abs(filepath.Join("testdata", "programs"))
			env.Setenv("PROGRAMS", dir)
			return err
		},
		Condition: func(cond string) (bool, error) {
			return cond == "lab" && labAvailable(t) || cond == "peers" && peersAvailable(t), nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"jsonlines": jsonLines, "samepackets": samePackets},
	})
}

// labAvailable tells whether the command can make a lab, as a script needs it. REQUIRE_NETLAB=1 makes it a must.
func labAvailable(t *testing.T) bool {
	err := netlab.Available()
	if err != nil && os.Getenv("REQUIRE_NETLAB") == "1" {
		t.Fatalf("REQUIRE_NETLAB=1, but %v", err)
	}
	return err == nil
}

// jsonLines checks that a file is JSON Lines whose records begin with their type and end with a summary, and
// that the types given occur.
func jsonLines(ts *testscript.TestScript, neg bool, args []string) {
	var types []string
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		var record struct{ Type string }
		if err := json.Unmarshal([]byte(line), &record); err != nil || !strings.HasPrefix(line, `{"type":`) {
			ts.Fatalf("%v: %s", err, line)
		}
		types = append(types, record.Type)
	}
	if len(types) == 0 || types[len(types)-1] != "summary" {
		ts.Fatalf("the last record is not the summary: %q", types)
	}
	for _, want := range args[1:] {
		if slices.Contains(types, want) == neg {
			ts.Fatalf("record type %s: present is %v", want, !neg)
		}
	}
}

// TestSchema freezes the records that the command adds to those of a timeline.
func TestSchema(t *testing.T) {
	var b strings.Builder
	encode := json.NewEncoder(&b)
	kind := &show.Comparison{Kind: "raw", Needs: "CAP_NET_RAW", Headers: []show.HeaderBytes{{Header: "IP", Min: 20, Max: 40}}, Changed: []string{"id"}}
	for _, r := range []any{
		sceneRecord{Type: "scene", Scene: "raw", Family: "ipv4", Start: "2006-01-02T15:04:05.123456789Z", Lab: true, Packets: true, MTU: 1500},
		summaryRecord{Type: "summary", Scenes: 1, Calls: 2, Total: 3, Kinds: []*show.Comparison{kind}},
		traceSummary{"summary", 1, 2, true, 3, 4, 5, &show.Summary{
			Calls:   []show.CallSummary{{Name: "send", Calls: 1, Errors: 2, Bytes: 3, Time: 4}},
			Sockets: []show.SocketSummary{{Socket: "s1", Kind: "stream", Local: "192.0.2.1:80", Remote: "192.0.2.2:81", Calls: 1, BlockedOn: "send"}},
		}},
	} {
		if err := encode.Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	golden.Check(t, filepath.Join("testdata", "schema.jsonl"), b.String())
}

func TestGenerated(t *testing.T) { clitest.Generated(t, "sockwire", run) }
