package blob

import (
	"errors"
	"fmt"

	"parley/raft"
)

// ErrRows is wrapped by every error of Check.
var ErrRows = errors.New("blob: rows that no table wrote")

// Check reports whether the rows are such as a table writes. Whoever takes rows from outside, from a
// snapshot or a backup, calls it before anything else: the other methods trust their rows.
func (t *Table) Check() error {
	c := rowCheck{pins: map[string]uint64{}, owners: map[string]uint64{}, until: map[string]raft.LogTime{}}
	var err error
	t.rows.Ascend("", func(key string, value []byte) bool {
		if !c.take(key, value) {
			err = fmt.Errorf("%w: %q", ErrRows, key)
		}
		return err == nil
	})
	if err == nil && !c.adds() {
		err = fmt.Errorf("%w: the counts do not add up", ErrRows)
	}
	return err
}

// rowCheck counts what the rows say twice. Rows come in the order of keys, so that each kind
// comes after the one that it is checked against.
type rowCheck struct {
	blobs, claimed uint64
	pins           map[string]uint64 // by sum: claimed by 'b', taken back by 'p'
	until          map[string]raft.LogTime
	owners         map[string]uint64 // by principal: counted by 'p', taken back by 'q'
	open           int               // claims not yet taken back
}

func (c *rowCheck) take(key string, value []byte) bool {
	if key == "" {
		return false
	}
	rest := key[1:]
	n := uint64(0)
	if len(value) >= 8 {
		n = le.Uint64(value)
	}
	switch key[0] {
	case 'b':
		if len(rest) != len(Sum{}) || len(value) != 24 || n > blobBytesLimit {
			return false
		}
		names, pins := le.Uint64(value[8:]), le.Uint64(value[16:])
		c.blobs++
		c.pins[rest] = pins
		if pins > 0 {
			c.open++
		}
		return names > 0 || pins > 0
	case 'd':
		if len(rest) < 8+len(Sum{}) || len(value) != 1 || value[0] != 1 || deadlineOf(key) < 0 {
			return false
		}
		sum, principal := splitDeadline(key)
		pin := string(sum[:]) + principal
		_, twice := c.until[pin]
		c.until[pin] = deadlineOf(key)
		c.open++
		return !twice && len(principal) <= principalBytesMax
	case 'n':
		c.claimed = n
		return rest == "" && len(value) == 8 && n == c.blobs && n > 0
	case 'p':
		if len(rest) < len(Sum{}) || len(value) != 8 {
			return false
		}
		sum := rest[:len(Sum{})]
		if until, ok := c.until[rest]; !ok || uint64(until) != n || c.pins[sum] == 0 {
			return false
		}
		c.open--
		if c.pins[sum]--; c.pins[sum] == 0 {
			c.open--
		}
		principal := rest[len(Sum{}):]
		if c.owners[principal] == 0 {
			c.open++
		}
		c.owners[principal]++
		return true
	case 'q':
		if len(value) != 8 || n == 0 || c.owners[rest] != n {
			return false
		}
		c.open--
		return true
	}
	return false
}

// adds reports whether everything that was claimed was there.
func (c *rowCheck) adds() bool { return c.open == 0 && c.claimed == c.blobs }
