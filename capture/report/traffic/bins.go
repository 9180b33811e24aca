package traffic

// maxBins is how many pieces of time a chart has at most.
const maxBins = 400

// bins are values by time, in pieces of 1 or 5 times a power of ten nanoseconds: as short as leaves no more than
// maxBins of them.
type bins[T any] struct {
	merge func(into, from *T)
	width int64 // ns, 0 before the first
	first int64 // number of list[0], counted from 1970
	list  []T
}

// at returns the value for a time, in ns since 1970.
func (b *bins[T]) at(ns int64) *T {
	if b.width == 0 {
		b.width, b.first, b.list = 1, ns, append(b.list, *new(T))
	}
	for {
		i := floor(ns, b.width) - b.first
		switch {
		case i >= 0 && i < int64(len(b.list)):
			return &b.list[i]
		case i >= 0 && i < maxBins:
			b.list = append(b.list, make([]T, i+1-int64(len(b.list)))...)
		case i < 0 && int64(len(b.list))-i <= maxBins:
			b.list = append(make([]T, -i), b.list...)
			b.first += i
		default:
			b.coarsen()
		}
	}
}

func floor(a, b int64) int64 {
	if a < 0 && a%b != 0 {
		return a/b - 1
	}
	return a / b
}

// coarsen makes the pieces longer: 5 times after 1, twice after 5.
func (b *bins[T]) coarsen() {
	by, digit := int64(5), b.width
	for digit%10 == 0 {
		digit /= 10
	}
	if digit == 5 {
		by = 2
	}
	first := floor(b.first, by)
	list := make([]T, 0, len(b.list)/int(by)+1)
	for i := range b.list {
		at := floor(b.first+int64(i), by) - first
		if at == int64(len(list)) {
			list = append(list, b.list[i])
		} else {
			b.merge(&list[at], &b.list[i])
		}
	}
	b.first, b.list, b.width = first, list, b.width*by
}

// start is when bin i begins, in ns since 1970.
func (b *bins[T]) start(i int) int64 { return (b.first + int64(i)) * b.width }
