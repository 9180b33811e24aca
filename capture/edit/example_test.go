package edit_test

import (
	"fmt"
	"log"
	"time"

	"sockwire/capture"
	"sockwire/capture/edit"
)

// Some packets by number, copies left out, an hour later.
func Example() {
	numbers, err := edit.ParseNumbers("1-3,5")
	if err != nil {
		log.Fatal(err)
	}
	var copies edit.Duplicates
	for i, data := range []string{"a", "b", "a", "c", "d"} {
		f := capture.Frame{Data: []byte(data), Length: 1, Time: time.Unix(int64(i), 0)}
		if !numbers.Contains(uint64(i+1)) || copies.Duplicate(&f) {
			continue
		}
		edit.Shift(&f, time.Hour)
		fmt.Printf("%s at %d\n", f.Data, f.Time.Unix())
	}
	fmt.Println(copies.Removed, "removed")
	// Output:
	// a at 3600
	// b at 3601
	// d at 3604
	// 1 removed
}
