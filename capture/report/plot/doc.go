// Package plot draws numbers as charts: SVG that stands on its own, and pages on which every point leads to what it is
// about.
//
//	c := plot.Chart{Name: "trips", Title: "Round trips", X: plot.Axis{Label: "time", Unit: "s"}, Y: plot.Axis{Label: "round trip", Unit: "s"}}
//	c.Series = append(c.Series, plot.Series{Name: "echoes", Kind: plot.Points, Points: points})
//	c.WriteSVG(w)
//
// A page shows the same drawing: its script only adds what a drawing cannot do. A path's coordinates are in
// ten-thousandths of the plot, from the upper left; the elements around it say of which values, so the numbers can be
// read back.
//
// The package imports nothing of this module but package page, so that programs which decode nothing can draw.
package plot
