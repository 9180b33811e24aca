package table_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"sockwire/capture"
	"sockwire/capture/table"
)

// A capture becomes a table of its packets.
func ExampleCreatePackets() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	w, err := table.CreatePackets(filepath.Join(dir, "packets.parquet"), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	var source capture.Source = one{}
	for f, err := range source.Frames(context.Background()) {
		if err == nil {
			err = w.Write(&f)
		}
		if err != nil {
			w.Abandon(err)
			return
		}
	}
	fmt.Println(w.Close())
	// Output: <nil>
}
