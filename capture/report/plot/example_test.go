package plot_test

import (
	"fmt"
	"strings"

	"sockwire/capture/report/plot"
)

func ExampleChart_WriteSVG() {
	c := plot.Chart{
		Name: "trips", Title: "Round trips",
		X: plot.Axis{Label: "after the first", Unit: "s"}, Y: plot.Axis{Label: "round trip", Unit: "s", Zero: true},
		Series: []plot.Series{{Name: "echoes", Kind: plot.Points, Points: []plot.Point{{X: 0, Y: 0.0021}, {X: 1, Y: 0.0018}}}},
	}
	var b strings.Builder
	if err := c.WriteSVG(&b); err != nil {
		fmt.Println(err)
	}
	fmt.Println(strings.Contains(b.String(), ">2.0 ms<"), plot.Short(0.0021, "s"))
	// Output: true 2.1 ms
}
