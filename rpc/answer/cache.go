package answer

import (
	"container/list"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"

	"parley/llm/prompt"
)

// cacheKey is a hash of all that an answer depends on. Whoever knows it has read every word that it was made of: an
// answer gets to nobody who could not have had it made.
type cacheKey [sha256.Size]byte

// keyOf returns the key of a task as one backend answers it.
func keyOf(backend, model string, t *prompt.Task) cacheKey {
	h := sha256.New()
	number := func(n int) {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], uint64(n))
		h.Write(b[:])
	}
	text := func(s string) {
		number(len(s))
		h.Write([]byte(s))
	}
	text(backend)
	text(model)
	for _, n := range [...]int{int(t.Kind), t.Count, t.Topics, t.Words, t.Runes, len(t.Messages)} {
		number(n)
	}
	for _, m := range t.Messages {
		text(m.Speaker)
		text(m.Text)
	}
	text(t.Text)
	return cacheKey(h.Sum(nil))
}

// cache keeps answers that were made by a model, those that were used last.
type cache struct {
	now func() time.Time

	mu     sync.Mutex
	byKey  map[cacheKey]*list.Element
	recent *list.List // of *kept, the one used last in front
	bytes  int
}

type kept struct {
	key  cacheKey
	made Made
	at   time.Time
}

func newCache(now func() time.Time) *cache {
	return &cache{now: now, byKey: map[cacheKey]*list.Element{}, recent: list.New()}
}

// get returns an answer that was made not long ago.
func (c *cache) get(key cacheKey) (Made, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[key]
	if !ok {
		return Made{}, false
	}
	k := e.Value.(*kept)
	if c.now().Sub(k.at) > cacheAge {
		c.drop(e)
		return Made{}, false
	}
	c.recent.MoveToFront(e)
	return k.made, true
}

// put keeps an answer, and forgets those whose use was longest ago.
func (c *cache) put(key cacheKey, m Made) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byKey[key]; ok {
		c.drop(e)
	}
	if len(m.Text) > cacheBytesMax/4 { // one document need not cost all others their place
		return
	}
	c.byKey[key] = c.recent.PushFront(&kept{key, m, c.now()})
	c.bytes += len(m.Text)
	for c.recent.Len() > cacheMax || c.bytes > cacheBytesMax {
		c.drop(c.recent.Back())
	}
}

func (c *cache) drop(e *list.Element) {
	k := c.recent.Remove(e).(*kept)
	delete(c.byKey, k.key)
	c.bytes -= len(k.made.Text)
}
