package decode_test

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sockwire/capture/decode"
	"sockwire/capture/golden"
)

//go:embed testdata/fields.txt
var frozen string

var kindNames = map[decode.Kind]string{
	decode.KindUint: "number", decode.KindHex: "number", decode.KindBool: "boolean", decode.KindState: "text", decode.KindIP: "address",
	decode.KindMAC: "hardware address", decode.KindBytes: "hexadecimal text", decode.KindText: "text", decode.KindGroup: "object",
}

// TestSchema freezes the names and kinds of the JSON fields: what reads our JSON must not break. A new field is
// added to the file with -update; a line that changes or goes is a break.
func TestSchema(t *testing.T) {
	var lines []string
	keys := map[string]bool{}
	for _, d := range decode.Definitions() {
		if keys[d.Key] {
			t.Errorf("%s is defined twice", d.Key)
		}
		keys[d.Key] = true
		kind := kindNames[d.Kind]
		if d.List {
			kind = "array of " + kind
		}
		lines = append(lines, fmt.Sprintf("%s\t%s\t%s\t%s\n", d.Key, d.JSON, kind, d.Name))
	}
	slices.Sort(lines)
	got := strings.Join(lines, "")
	const file = "testdata/fields.txt"
	if golden.Update(t, file, got) {
		return
	}
	for line := range strings.Lines(frozen) {
		if !strings.Contains(got, line) {
			t.Errorf("gone or changed: %s", line)
		}
	}
	for line := range strings.Lines(got) {
		if !strings.Contains(frozen, line) {
			t.Errorf("not in %s: %s", file, line)
		}
	}
}
