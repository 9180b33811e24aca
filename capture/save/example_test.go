package save_test

import (
	"fmt"
	"os"

	"sockwire/capture/save"
)

// A file is written under the name that a stranger gave, made harmless.
func ExampleDir_Write() {
	name, err := os.MkdirTemp("", "saved")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(name)
	dir, err := save.Open(name)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer dir.Close()
	if err := dir.Write(save.Name("../../etc/passwd"), []byte("hello")); err != nil {
		fmt.Println(err)
	}
	fmt.Println(dir.Names())
	// Output: [passwd] <nil>
}
