package blob

import (
	"cmp"
	"slices"
)

// queue orders blobs by when something is due.
type queue struct {
	items []dueItem
}

type dueItem struct {
	due int64
	sum Sum
}

func (a dueItem) compare(b dueItem) int {
	if c := cmp.Compare(a.due, b.due); c != 0 {
		return c
	}
	return a.sum.Compare(b.sum)
}

func (q *queue) add(due int64, sum Sum) {
	it := dueItem{due, sum}
	at, found := slices.BinarySearchFunc(q.items, it, dueItem.compare)
	if found {
		broken("blob %s is queued twice", sum.Short())
	}
	q.items = slices.Insert(q.items, at, it)
}

func (q *queue) remove(due int64, sum Sum) {
	at, found := slices.BinarySearchFunc(q.items, dueItem{due, sum}, dueItem.compare)
	switch {
	case !found:
		broken("blob %s is not queued", sum.Short())
	case at == 0:
		q.items = q.items[1:] // a long queue is taken from the front
	default:
		q.items = slices.Delete(q.items, at, at+1)
	}
}

// after is the first due time above t.
func (q *queue) after(t int64) (int64, bool) {
	at, _ := slices.BinarySearchFunc(q.items, dueItem{t, lastSum}, dueItem.compare)
	for at < len(q.items) && q.items[at].due <= t {
		at++
	}
	if at == len(q.items) {
		return 0, false
	}
	return q.items[at].due, true
}
