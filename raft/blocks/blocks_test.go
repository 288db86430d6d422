package blocks

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var errMalformed = errors.New("malformed")

// However the bytes come, what is taken is what was there, and the end is where it is.
func TestWhatIsTakenIsWhatWasThereHoweverItComes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "src")
		var from io.Reader = bytes.NewReader(src)
		switch rapid.IntRange(0, 3).Draw(t, "reader") {
		case 1:
			from = iotest.OneByteReader(from)
		case 2:
			from = iotest.HalfReader(from)
		case 3:
			from = iotest.DataErrReader(from)
		}
		r := NewReader(from, errMalformed)
		left := src
		for len(left) > 0 {
			n := rapid.IntRange(0, len(left)).Draw(t, "n")
			if rapid.Bool().Draw(t, "read") {
				p := make([]byte, n)
				_, err := io.ReadFull(&r, p)
				require.NoError(t, err)
				require.Equal(t, left[:n], p)
			} else {
				require.True(t, bytes.Equal(left[:n], r.Take(uint64(n))))
			}
			left = left[n:]
		}
		require.NoError(t, r.End())
	})
}

// A length that promises more than there is costs no more memory than there is.
func TestAStreamThatEndsTooEarlyIsMalformedAndTakesNoMemory(t *testing.T) {
	r := NewReader(bytes.NewReader(make([]byte, 10)), errMalformed)
	require.Nil(t, r.Take(1<<40))
	require.ErrorIs(t, r.Err(), errMalformed)
	require.ErrorIs(t, r.End(), errMalformed, "it is no end that was expected")
	_, err := r.Read(make([]byte, 1))
	require.ErrorIs(t, err, errMalformed)
}

func TestBytesBehindTheEndAreMalformed(t *testing.T) {
	r := NewReader(bytes.NewReader(make([]byte, 10)), errMalformed)
	require.Len(t, r.Take(9), 9)
	require.ErrorIs(t, r.End(), errMalformed)
}

// What the reader says is passed on, and not taken for an end.
func TestAnErrorOfTheReaderIsNotAnEnd(t *testing.T) {
	r := NewReader(iotest.ErrReader(io.ErrClosedPipe), errMalformed)
	require.ErrorIs(t, r.End(), io.ErrClosedPipe)
	r = NewReader(iotest.ErrReader(nil), errMalformed)
	require.ErrorIs(t, r.End(), io.ErrNoProgress)
}
