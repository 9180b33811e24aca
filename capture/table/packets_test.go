package table_test

import (
	"path/filepath"
	"testing"

	"sockwire/capture/decode"
	"sockwire/capture/table"
	"sockwire/capture/table/tabletest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Every value of every packet is what --json has. TABLE_FULL=1 takes the whole corpus.
func TestPacketsAreWhatJSONSays(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "all.parquet")
	w, err := table.CreatePackets(name, &table.Config{Run: "here"})
	must(t, err)
	var want []tabletest.Row
	var d decode.Decoder
	var p decode.Packet
	for _, file := range tabletest.Corpus(t) {
		for _, f := range tabletest.Frames(t, file) {
			_ = d.Decode(f, &p)
			p.Number = uint64(len(want) + 1)
			row := tabletest.Parse(t, tabletest.Line(&p)).Want()
			row["run"] = "here"
			want = append(want, row)
			must(t, w.Write(&f))
		}
	}
	must(t, w.Close())
	got := tabletest.Read(t, name, table.Packets)
	if len(got) != len(want) {
		t.Fatalf("%d rows of %d packets", len(got), len(want))
	}
	wrong := 0
	for i := range want {
		if diff := tabletest.Diff(got[i].Sorted("more"), want[i].Sorted("more")); diff != "" {
			t.Errorf("packet %d %s: %s", i+1, got[i]["layers"], diff)
			if wrong++; wrong == 10 {
				t.FailNow()
			}
		}
	}
	t.Logf("%d packets", len(want))
}
