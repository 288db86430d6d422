package sim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"parley/raft"
)

// words reads one line of a plan: plain words in order, and key=value in any
// order. It keeps the first error, so that a parser reads straight on.
type words struct {
	plain []string
	keys  []string
	vals  []string
	used  []bool
	err   error
}

func newWords(line string) *words {
	w := &words{}
	for f := range strings.FieldsSeq(line) {
		if k, v, ok := strings.Cut(f, "="); ok {
			switch {
			case v == "":
				w.fail("field %q has no value", k)
			case slices.Contains(w.keys, k):
				w.fail("field %q is there twice", k)
			}
			w.keys, w.vals, w.used = append(w.keys, k), append(w.vals, v), append(w.used, false)
		} else {
			w.plain = append(w.plain, f)
		}
	}
	return w
}

func (w *words) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

// word takes the next plain word.
func (w *words) word() string {
	if len(w.plain) == 0 {
		w.fail("a word is missing")
		return ""
	}
	first := w.plain[0]
	w.plain = w.plain[1:]
	return first
}

// value takes the value of a key; empty if there is none.
func (w *words) value(key string) string {
	for i, k := range w.keys {
		if k == key {
			w.used[i] = true
			return w.vals[i]
		}
	}
	return ""
}

// finish reports the first error, or what nobody asked for.
func (w *words) finish() error {
	if w.err != nil {
		return w.err
	}
	if len(w.plain) > 0 {
		return fmt.Errorf("unknown word %q", w.plain[0])
	}
	for i, used := range w.used {
		if !used {
			return fmt.Errorf("unknown field %q", w.keys[i])
		}
	}
	return nil
}

func (w *words) unsigned(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		w.fail("%q is no number", s)
	}
	return n
}

// integerOf takes a number that is not negative; zero if there is none.
func (w *words) integerOf(key string) int64 {
	n := w.signedOf(key)
	if n < 0 {
		w.fail("%s=%d: want a number from 0 on", key, n)
	}
	return n
}

// signedOf takes a number; zero if there is none.
func (w *words) signedOf(key string) int64 {
	s := w.value(key)
	if s == "" {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		w.fail("%s=%s: no number", key, s)
	}
	if n > integerMax || n < -integerMax {
		w.fail("%s=%d: want at most %d", key, n, int64(integerMax))
	}
	return n
}

// integerMax bounds the numbers of a plan: far beyond all that is meant, and so small that what is computed of them does
// not wrap around.
const integerMax = 1_000_000_000_000

// yes takes the answer to whether something is so; if there is none, it is not.
func (w *words) yes(key string) bool {
	switch v := w.value(key); v {
	case "yes":
		return true
	case "", "no":
	default:
		w.fail("%s=%s: want yes or no", key, v)
	}
	return false
}

func (w *words) name(names []string, s string) int {
	i, ok := valueOf(names, s)
	if !ok {
		w.fail("unknown word %q", s)
	}
	return i
}

func (w *words) ids(key string) []raft.NodeID { return w.idList(w.value(key)) }

func (w *words) idList(s string) []raft.NodeID {
	if s == "" {
		return nil
	}
	var ids []raft.NodeID
	for part := range strings.SplitSeq(s, ",") {
		id := w.node(part)
		if slices.Contains(ids, id) {
			w.fail("node %d is there twice in %s", id, s)
		}
		ids = append(ids, id)
	}
	return ids
}

// node reads the number of a node. Whether there is such a node, the plan's check says.
func (w *words) node(s string) raft.NodeID {
	n := w.unsigned(s)
	if n > nodeNumberMax {
		w.fail("%q is no number of a node", s)
	}
	return raft.NodeID(n)
}

// nodeNumberMax keeps a number of a node one in any type that holds it.
const nodeNumberMax = 1 << 16

func (w *words) nodeOf(key string) raft.NodeID {
	s := w.value(key)
	if s == "" {
		return 0
	}
	return w.node(s)
}

// duration reads a time that is not negative.
func (w *words) duration(s string) time.Duration {
	d := w.shift(s)
	if d < 0 {
		w.fail("%s: want a duration from 0s on", s)
	}
	return d
}

// shift reads a time that may be negative.
func (w *words) shift(s string) time.Duration {
	d, ok := parseDuration(s)
	if !ok {
		w.fail("%q is no duration (like 250ms, 1.5s, 80us)", s)
	}
	if d > durationMax || d < -durationMax {
		w.fail("%s: want at most %s", s, formatDuration(durationMax))
	}
	return d
}

// durationMax bounds the times of a plan: a hundred days, so that sums of them, and what is drawn around them, don't wrap around.
const durationMax = 100 * 24 * time.Hour

func (w *words) durationOf(key string) time.Duration {
	s := w.value(key)
	if s == "" {
		return 0
	}
	return w.duration(s)
}

func (w *words) shiftOf(key string) time.Duration {
	s := w.value(key)
	if s == "" {
		return 0
	}
	return w.shift(s)
}

func (w *words) rangeOf(key string) (lo, hi time.Duration) {
	s := w.value(key)
	if s == "" {
		return 0, 0
	}
	a, b, ok := strings.Cut(s, "..")
	if !ok {
		w.fail("%s=%s: want a range like 20us..90us", key, s)
		return 0, 0
	}
	lo, hi = w.duration(a), w.duration(b)
	if lo > hi {
		w.fail("%s=%s: want the smaller one first", key, s)
	}
	return lo, hi
}

// units are the units of durations in plans, largest first.
var units = []struct {
	name string
	size time.Duration
}{{"s", time.Second}, {"ms", time.Millisecond}, {"us", time.Microsecond}, {"ns", time.Nanosecond}}

// formatDuration writes a duration exactly, in its largest fitting unit: "1.25s".
func formatDuration(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	u := units[len(units)-1]
	for _, v := range units {
		if d >= v.size {
			u = v
			break
		}
	}
	whole, part := d/u.size, d%u.size
	s := sign + strconv.FormatInt(int64(whole), 10)
	if part != 0 {
		digits := len(strconv.FormatInt(int64(u.size), 10)) - 1
		fraction := strconv.FormatInt(int64(u.size+part), 10)[1:]
		s += "." + strings.TrimRight(fraction[:digits], "0")
	}
	return s + u.name
}

// parseDuration reads what formatDuration writes. Only the units s, ms, us and
// ns exist; there is no combination like "1m3s".
func parseDuration(s string) (time.Duration, bool) {
	sign := time.Duration(1)
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		sign, s = -1, rest
	}
	digits := 0
	for digits < len(s) && (s[digits] == '.' || '0' <= s[digits] && s[digits] <= '9') {
		digits++
	}
	number, unit := s[:digits], s[digits:]
	for _, u := range units {
		if u.name != unit {
			continue
		}
		whole, part, _ := strings.Cut(number, ".")
		n, err := strconv.ParseInt(whole, 10, 64)
		if err != nil || n > int64(never)/int64(u.size) {
			return 0, false
		}
		d := time.Duration(n) * u.size
		size := u.size
		for _, c := range part {
			if c < '0' || c > '9' || size < 10 {
				return 0, false
			}
			size /= 10
			d += time.Duration(c-'0') * size
		}
		return sign * d, true
	}
	return 0, false
}
