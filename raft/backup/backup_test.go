package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// content is what a test puts into a backup.
type content struct {
	blobs   []string
	missing []string
	state   string
}

// written writes a backup.
func written(t testing.TB, c content) []byte {
	var out bytes.Buffer
	w := NewWriter(&out, Header{Cluster: 0x1122334455667788, Wall: 99})
	for _, b := range c.blobs {
		require.NoError(t, w.Blob(sha256.Sum256([]byte(b)), int64(len(b))))
		require.NoError(t, w.Content([]byte(b)))
	}
	for _, b := range c.missing {
		require.NoError(t, w.Missing(sha256.Sum256([]byte(b)), int64(len(b))))
	}
	require.NoError(t, w.State(func(s io.Writer) error {
		_, err := io.WriteString(s, c.state)
		return err
	}))
	require.NoError(t, w.End(End{Position: 7, Term: 3}))
	return out.Bytes()
}

// read reads a backup to its end, all of it or, if skip, nothing of what the items hold.
func read(r io.Reader, skip bool) (c content, end End, err error) {
	b, err := NewReader(r)
	if err != nil {
		return c, end, err
	}
	for {
		item, err := b.Next()
		if err == io.EOF {
			return c, b.End(), nil
		}
		if err != nil {
			return c, end, err
		}
		if skip {
			continue
		}
		text, err := io.ReadAll(b)
		switch {
		case err != nil:
			return c, end, err
		case item.State:
			c.state = string(text)
		case item.Missing:
			c.missing = append(c.missing, hex.EncodeToString(item.Sum[:]))
		default:
			c.blobs = append(c.blobs, string(text))
		}
	}
}

var sample = content{blobs: []string{"a file", "", strings.Repeat("long ", 60_000)}, missing: []string{"gone"}, state: strings.Repeat("the state ", 30_000)}

// At stake: an operator who finds out on the worst day that the file on the shelf is not what he wrote.
func TestWhatIsReadIsWhatWasWrittenAndAnyFlippedBitIsRefused(t *testing.T) {
	p := written(t, sample)
	c, end, err := read(bytes.NewReader(p), false)
	require.NoError(t, err)
	require.Equal(t, sample.blobs, c.blobs)
	require.Equal(t, sample.state, c.state)
	require.Equal(t, End{Position: 7, Term: 3, Blobs: 3}, end)
	_, _, err = read(iotest.OneByteReader(bytes.NewReader(written(t, content{state: "x"}))), false)
	require.NoError(t, err)

	small := written(t, content{blobs: []string{"a file", ""}, missing: []string{"gone"}, state: "the state"})
	for i := range small {
		for bit := range 8 {
			bad := bytes.Clone(small)
			bad[i] ^= 1 << bit
			for _, skip := range []bool{false, true} {
				_, _, err := read(bytes.NewReader(bad), skip)
				require.Error(t, err, "byte %d, bit %d", i, bit)
			}
		}
		_, _, err := read(bytes.NewReader(small[:i]), true)
		require.ErrorAs(t, err, new(*DamagedError), "cut off at %d", i)
	}
	_, _, err = read(bytes.NewReader(append(bytes.Clone(small), 0)), true)
	require.ErrorContains(t, err, "something follows")
}

// Pieces that are right by themselves and stand where they do not belong are no backup.
func TestPiecesThatChangePlacesAreRefused(t *testing.T) {
	a, b := written(t, content{blobs: []string{"one", "two"}, state: "s"}), written(t, content{blobs: []string{"two", "one"}, state: "s"})
	require.Len(t, b, len(a))
	const first = headerBytes
	size := pieceHead + blobBytes + sumBytes + pieceHead + 3 + sumBytes
	mixed := append(append(append([]byte{}, a[:first]...), a[first+size:first+2*size]...), a[first:first+size]...)
	_, _, err := read(bytes.NewReader(append(mixed, a[first+2*size:]...)), true)
	require.ErrorContains(t, err, "checksum")
	doubled := append(append([]byte{}, a[:first+size]...), a[first:]...)
	_, _, err = read(bytes.NewReader(doubled), true)
	require.Error(t, err)
}

func TestAWriterThatIsCalledWronglyWritesNoBackup(t *testing.T) {
	for name, misuse := range map[string]func(w *Writer) error{
		"less content than told": func(w *Writer) error {
			_ = w.Blob([32]byte{}, 5)
			return w.State(func(io.Writer) error { return nil })
		},
		"more content than told": func(w *Writer) error {
			_ = w.Blob([32]byte{}, 1)
			return w.Content([]byte("xx"))
		},
		"a blob behind the state": func(w *Writer) error {
			_ = w.State(func(io.Writer) error { return nil })
			return w.Blob([32]byte{}, 1)
		},
		"an end without a state": func(w *Writer) error { return w.End(End{}) },
		"a state that can't be written": func(w *Writer) error {
			return w.State(func(io.Writer) error { return errors.New("no") })
		},
	} {
		w := NewWriter(io.Discard, Header{})
		require.Error(t, misuse(w), name)
		require.Error(t, w.End(End{}), name)
	}
	w := NewWriter(iotest.TruncateWriter(io.Discard, 0), Header{})
	require.NoError(t, w.err)
	full := errors.New("disk full")
	w = NewWriter(failing{full}, Header{})
	require.ErrorIs(t, w.Missing([32]byte{}, 0), full)
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestABackupOfALaterReleaseSaysSo(t *testing.T) {
	p := written(t, content{state: "s"})
	p[8] = 2
	_, _, err := read(bytes.NewReader(p), true)
	require.ErrorAs(t, err, new(*FormatError))
	_, _, err = read(bytes.NewReader([]byte("a text that somebody took for a backup, of some length")), true)
	require.ErrorAs(t, err, new(*DamagedError))
	broken := errors.New("the disk does not read")
	_, _, err = read(io.MultiReader(bytes.NewReader(written(t, content{state: "s"})[:40]), iotest.ErrReader(broken)), true)
	require.ErrorIs(t, err, broken)
}

// The bytes of format 1 stay readable: backups lie on shelves for years.
func TestTheFormatStandsStill(t *testing.T) {
	p := written(t, content{blobs: []string{"hi"}, missing: []string{"gone"}, state: "state"})
	require.Equal(t, strings.Join([]string{
		"7061726c6579626b" + "01000000" + "8877665544332211" + "6300000000000000",
	}, ""), hex.EncodeToString(p[:28]))
	sum := sha256.Sum256(p)
	require.Equal(t, goldenSum, hex.EncodeToString(sum[:]), "%x", p)
}

func TestAnyContentComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := content{state: rapid.StringN(1, -1, 600_000).Draw(t, "state")}
		for range rapid.IntRange(0, 3).Draw(t, "blobs") {
			c.blobs = append(c.blobs, strings.Repeat("x", rapid.SampledFrom([]int{0, 1, pieceBytesMax - 1, pieceBytesMax, pieceBytesMax + 1}).Draw(t, "size")))
		}
		var out bytes.Buffer
		w := NewWriter(&out, Header{})
		for _, b := range c.blobs {
			require.NoError(t, w.Blob(sha256.Sum256([]byte(b)), int64(len(b))))
			for rest := []byte(b); len(rest) > 0; {
				n := rapid.IntRange(1, len(rest)).Draw(t, "n")
				require.NoError(t, w.Content(rest[:n]))
				rest = rest[n:]
			}
		}
		require.NoError(t, w.State(func(s io.Writer) error {
			_, err := io.WriteString(s, c.state)
			return err
		}))
		require.NoError(t, w.End(End{}))
		got, _, err := read(&out, false)
		require.NoError(t, err)
		require.Equal(t, c, got)
	})
}

// FuzzReader: any bytes are read or refused, and no more memory is taken than a piece has.
func FuzzReader(f *testing.F) {
	f.Add(written(f, content{blobs: []string{"a file"}, missing: []string{"gone"}, state: "the state"}))
	f.Fuzz(func(t *testing.T, p []byte) {
		_, _, first := read(bytes.NewReader(p), false)
		_, _, second := read(bytes.NewReader(p), true)
		require.Equal(t, first == nil, second == nil)
	})
}

const goldenSum = "bd3467067b68d1c3059378ac1e3f3a658afe04b119878e09c24f871f8affb730"
