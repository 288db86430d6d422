package backup

import (
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Wherever a backup is broken off, and whatever the last bytes of it are, what goes on behind it makes one that is whole.
func TestABackupThatWasBrokenOffAnywhereGoesOnBehindItsLastWholeBlob(t *testing.T) {
	c := content{blobs: []string{"one", strings.Repeat("two ", pieceBytesMax/3), "", "three"}, state: "the state"}
	all := written(t, c)
	path := filepath.Join(t.TempDir(), "part")
	most := 0
	var cuts []int
	for at := 0; at <= len(all); {
		cuts = append(cuts, at)
		if at += 11; at > 300 && at < len(all)-500 { // the midst is one long blob
			at = min(at+pieceBytesMax/10, len(all)-500)
		}
	}
	for _, cut := range cuts {
		for _, flip := range []bool{false, true} {
			p := append([]byte(nil), all[:cut]...)
			if flip && cut > 0 {
				p[cut-1] ^= 1
			}
			require.NoError(t, os.WriteFile(path, p, 0o600))
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			require.NoError(t, err)
			w, k, err := Resume(f, f)
			require.NoError(t, err)
			if w == nil {
				require.Empty(t, k.Sums)
				w = NewWriter(f, Header{Cluster: 0x1122334455667788, Wall: 99})
			}
			require.LessOrEqual(t, k.Bytes, int64(cut))
			for i, sum := range k.Sums {
				require.Equal(t, sha256.Sum256([]byte(c.blobs[i])), sum)
			}
			most = max(most, len(k.Sums))
			for _, b := range c.blobs[len(k.Sums):] {
				require.NoError(t, w.Blob(sha256.Sum256([]byte(b)), int64(len(b))))
				require.NoError(t, w.Content([]byte(b)))
			}
			require.NoError(t, w.State(func(s io.Writer) error {
				_, err := io.WriteString(s, c.state)
				return err
			}))
			require.NoError(t, w.End(End{Position: 7, Term: 3}))
			require.NoError(t, f.Close())
			again, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, all, again, "cut at %d", cut)
		}
	}
	require.Len(t, c.blobs, most, "some cuts kept all blobs")
}
