package state

import (
	"encoding/hex"
	"errors"
	"sort"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// sample has a field of every sort.
type sample struct {
	Small  uint8
	Number uint64
	Signed int64
	Narrow uint32
	Yes    bool
	Text   string
	Bytes  []byte
	Digest [4]byte
	List   []string
}

func (s *sample) Code(c *Coder) {
	Byte(c, &s.Small)
	Number(c, &s.Number)
	Number(c, &s.Signed)
	Number(c, &s.Narrow)
	c.Bool(&s.Yes)
	c.String(&s.Text)
	c.Bytes(&s.Bytes)
	c.Array(s.Digest[:])
	List(c, &s.List, func(c *Coder, v *string) { c.String(v) })
}

var someSample = sample{1, 2, -1, 4, true, "hi", []byte{5}, [4]byte{6, 7, 8, 9}, []string{"a", ""}}

// Rows, commands and replies are made of these; none of them may change.
func TestEverySortOfFieldHasTheseBytes(t *testing.T) {
	require.Equal(t, "01"+"0200000000000000"+"ffffffffffffffff"+"0400000000000000"+"01"+"02000000"+"6869"+"01000000"+"05"+"06070809"+
		"02000000"+"01000000"+"61"+"00000000", hex.EncodeToString(Append(nil, &someSample)))
}

func TestWhatIsWrittenIsReadAndNothingOfTheBytesIsKept(t *testing.T) {
	bytes := Append([]byte("before"), &someSample)
	require.Equal(t, "before", string(bytes[:6]))
	var back sample
	require.NoError(t, Decode(bytes[6:], &back))
	clear(bytes)
	require.Equal(t, someSample, back)
}

func TestBytesThatNoEncoderMakesAreRefusedAndLeaveZeros(t *testing.T) {
	good := Append(nil, &someSample)
	for n := range good {
		var s sample
		require.ErrorIs(t, Decode(good[:n], &s), ErrMalformed, "%d bytes", n)
	}
	require.ErrorIs(t, Decode(append(good[:len(good):len(good)], 0), &sample{}), ErrMalformed)
	change := func(at int, to byte) []byte {
		b := append([]byte(nil), good...)
		b[at] = to
		return b
	}
	for what, b := range map[string][]byte{
		"a bool of 2":                     change(25, 2),
		"a narrow number that is too big": change(21, 1),
		"a text longer than the rest":     change(29, 0xff),
		"a list of more items than bytes": change(len(good)-10, 0xff),
	} {
		require.ErrorIs(t, Decode(b, &sample{}), ErrMalformed, what)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Append(nil, &someSample))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, bytes []byte) {
		var s sample
		if Decode(bytes, &s) == nil { // then they are the only ones that say so
			require.Equal(t, bytes, append([]byte{}, Append(nil, &s)...))
		}
		if err := DecodeReply(bytes, &s); err != nil && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrVersion) {
			var refusal *Refusal
			require.ErrorAs(t, err, &refusal)
			require.Equal(t, bytes, AppendReply(nil, nil, refusal))
		}
	})
}

func TestKeysSortAsTheirNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.SliceOfN(rapid.Uint64(), 2, 2).Draw(t, "a"), rapid.SliceOfN(rapid.Uint64(), 2, 2).Draw(t, "b")
		less := a[0] < b[0] || a[0] == b[0] && a[1] < b[1]
		require.Equal(t, less, Key(a...) < Key(b...))
		require.Equal(t, a, []uint64{KeyPart(Key(a...), 0), KeyPart(Key(a...), 1)})
	})
	require.Zero(t, KeyPart("", 0), "what no key holds is zero")
	require.Zero(t, KeyPart("short", 1))
	require.Equal(t, uint64(0x6100000000000000), KeyPart("a", 0))
}

// The tables against a plain map: rows, order, hash, and clones that go their own ways.
func TestTablesAreAnOrderedMapWithAHashOfWhatIsInIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type where struct {
			id  Table
			key string
		}
		tables, model := &Tables{}, map[where]string{}
		var clone Tables
		var was []byte
		for range rapid.IntRange(1, 40).Draw(t, "writes") {
			at := where{Table(rapid.IntRange(0, 2).Draw(t, "table")), rapid.StringMatching("[ab]{0,2}").Draw(t, "key")}
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				tables.Remove(at.id, at.key)
				delete(model, at)
			case 1:
				clone = tables.Clone()
				was = clone.AppendState(nil)
			default:
				value := rapid.StringN(0, 2, 2).Draw(t, "value")
				tables.Write(at.id, at.key, append([]byte{}, value...))
				model[at] = value
			}
			require.Equal(t, tables.Recompute(), tables.Hash())
		}
		if was != nil {
			require.Equal(t, was, clone.AppendState(nil), "a clone does not see what came after it")
			require.Equal(t, clone.Recompute(), clone.Hash())
		}
		other := &Tables{} // the same rows in another order have the same hash
		for id := range Table(3) {
			var keys []string
			for at := range model {
				if at.id == id {
					keys = append(keys, at.key)
				}
			}
			sort.Sort(sort.Reverse(sort.StringSlice(keys)))
			require.Equal(t, len(keys), tables.Len(id))
			for _, key := range keys {
				other.Write(id, key, []byte(model[where{id, key}]))
			}
			tables.Ascend(id, "", func(key string, value []byte) bool {
				require.Equal(t, keys[len(keys)-1], key)
				require.Equal(t, model[where{id, key}], string(value))
				keys = keys[:len(keys)-1]
				return true
			})
			require.Empty(t, keys)
		}
		require.Equal(t, tables.Hash(), other.Hash())
	})
}

func TestWithinVisitsWhatBeginsWithAPrefixAndNothingElse(t *testing.T) {
	tables := &Tables{}
	for _, key := range []string{"a", "ab", "abc", "ac", "b"} {
		tables.Mark(TableMarks, key)
	}
	var got []string
	tables.Within(TableMarks, "ab", func(key string, _ []byte) bool {
		got = append(got, key)
		return true
	})
	require.Equal(t, []string{"ab", "abc"}, got)
}

func TestARefusalComesBackAsItWas(t *testing.T) {
	is := &Refusal{Code: Exhausted, Reason: "FULL", Field: "f", Text: "It is full.", RetryAfter: 5}
	bytes := AppendReply(nil, nil, is)
	require.Equal(t, "02"+"08"+"04000000"+"46554c4c"+"01000000"+"66"+"0b000000"+hex.EncodeToString([]byte("It is full."))+"0500000000000000", hex.EncodeToString(bytes))
	var back *Refusal
	require.ErrorAs(t, DecodeReply(bytes, nil), &back)
	require.Equal(t, is, back)
	require.Equal(t, "It is full.", back.Error())
	for n := 2; n < len(bytes); n++ {
		require.ErrorIs(t, DecodeReply(bytes[:n], nil), ErrMalformed)
	}
	require.ErrorIs(t, DecodeReply(nil, nil), ErrMalformed)
	require.ErrorIs(t, DecodeReply([]byte{ReplyVersion + 1, 0}, nil), ErrVersion)
	for code := OK; code <= NotYet; code++ {
		require.NotContains(t, code.String(), "code")
	}
	require.Equal(t, "code200", Code(200).String())
}
