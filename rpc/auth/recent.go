package auth

// recent remembers the max keys that were used last. It does not lock: its owner does.
type recent[K comparable, V any] struct {
	max   int
	items map[K]*link[K, V]
	ring  link[K, V] // ring.next was used last, ring.prev longest ago; it holds nothing itself
}

type link[K comparable, V any] struct {
	key        K
	value      V
	prev, next *link[K, V]
}

func newRecent[K comparable, V any](max int) *recent[K, V] {
	r := &recent[K, V]{max: max, items: make(map[K]*link[K, V])}
	r.ring.prev, r.ring.next = &r.ring, &r.ring
	return r
}

// get returns what is kept under the key, nil if nothing is, and counts as a use.
func (r *recent[K, V]) get(key K) *V {
	l := r.items[key]
	if l == nil {
		return nil
	}
	l.unlink()
	r.front(l)
	return &l.value
}

// make returns what is kept under the key, at first the zero value. It may forget the key whose use was
// longest ago. The pointer is good until the next call.
func (r *recent[K, V]) make(key K) *V {
	if v := r.get(key); v != nil {
		return v
	}
	var l *link[K, V]
	if len(r.items) >= r.max {
		l = r.ring.prev
		l.unlink()
		delete(r.items, l.key)
		*l = link[K, V]{key: key}
	} else {
		l = &link[K, V]{key: key}
	}
	r.items[key] = l
	r.front(l)
	return &l.value
}

func (r *recent[K, V]) front(l *link[K, V]) {
	l.prev, l.next = &r.ring, r.ring.next
	l.prev.next, l.next.prev = l, l
}

func (l *link[K, V]) unlink() { l.prev.next, l.next.prev = l.next, l.prev }
