package sim

// ddmin takes out of a list what is not needed: delta debugging (Zeller and Hildebrandt,
// Simplifying and Isolating Failure-Inducing Input, 2002) by complements alone. It takes out everything, then halves,
// quarters and so on down to single items, and those again until not one can go. So the list that is left is
// 1-minimal: without any one item it would not do.
//
// try is asked about several lists at a time, in order, and returns the place of the first that will
// still do, or -1. A later one must not count before an earlier one, however they are tried: then the
// answer depends on nothing but the list.
func ddmin[T any](items []T, try func(lists [][]T) int) []T {
	for size := len(items); size > 0; {
		removed := false
		for at := 0; at < len(items); {
			var lists [][]T
			for i := at; i < len(items); i += size {
				lists = append(lists, cutOut(items, i, min(i+size, len(items))))
			}
			first := try(lists)
			if first < 0 {
				break
			}
			items, removed = lists[first], true
			at += first * size
		}
		if size == 1 && !removed {
			break
		}
		size = (size + 1) / 2
	}
	return items
}

// cutOut returns a copy of the list that lacks what stands from i up to j.
func cutOut[T any](items []T, i, j int) []T {
	left := make([]T, 0, len(items)-(j-i))
	return append(append(left, items[:i]...), items[j:]...)
}
