package osfs

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// recorder is a file system of directories that writes down what was asked of it.
type recorder struct {
	exist []string
	did   []string
	fail  string // what fails
}

var errFailed = errors.New("failed")

func (r *recorder) exists(dir string) (bool, error) { return slices.Contains(r.exist, dir), nil }

func (r *recorder) mkdir(dir string) error {
	r.exist = append(r.exist, dir)
	return r.do("make " + dir)
}

func (r *recorder) syncParent(dir string, _ bool) error { return r.do("sync parent of " + dir) }

func (r *recorder) do(what string) error {
	r.did = append(r.did, what)
	if what == r.fail {
		return errFailed
	}
	return nil
}

// What a machine loses that crashes is decided by the order of these calls.
func TestEachDirectoryMadeIsDurableBeforeTheNextIsMade(t *testing.T) {
	for name, c := range map[string]struct{ exist, want []string }{
		"all are made": {[]string{"/"}, []string{"sync parent of /",
			"make /a", "sync parent of /a", "make /a/b", "sync parent of /a/b", "make /a/b/c", "sync parent of /a/b/c"}},
		"an earlier start may have died after it made the first": {[]string{"/", "/a"}, []string{"sync parent of /a",
			"make /a/b", "sync parent of /a/b", "make /a/b/c", "sync parent of /a/b/c"}},
		"or after it made the last": {[]string{"/", "/a", "/a/b", "/a/b/c"}, []string{"sync parent of /a/b/c"}},
	} {
		r := &recorder{exist: c.exist}
		require.NoError(t, makeDir("/a/b/c", r), name)
		require.Equal(t, c.want, r.did, name)
	}
}

// Nothing may be written below a directory that is not there after a crash.
func TestADirectoryWhoseParentCannotBeSyncedIsRefused(t *testing.T) {
	for _, fail := range []string{"sync parent of /a", "make /a/b", "sync parent of /a/b"} {
		r := &recorder{exist: []string{"/", "/a"}, fail: fail}
		require.ErrorIs(t, makeDir("/a/b", r), errFailed)
		require.Equal(t, fail, r.did[len(r.did)-1], "nothing is done behind it")
	}
}

func TestMakeDirMakesWhatIsMissingAndSaysWhatIsInTheWay(t *testing.T) {
	top := t.TempDir()
	t.Chdir(top)
	for _, dir := range []string{filepath.Join(top, "a", "b", "c"), "x/y", "x", ".", top + "/a/d/"} {
		require.NoError(t, MakeDir(dir), dir)
		require.NoError(t, MakeDir(dir), "%s, again", dir)
		info, err := os.Stat(dir)
		require.NoError(t, err)
		require.True(t, info.IsDir())
	}
	require.NoError(t, os.Symlink(filepath.Join(top, "a"), filepath.Join(top, "link")))
	require.NoError(t, MakeDir("link"))
	require.NoError(t, MakeDir("link/e"))
	require.DirExists(t, filepath.Join(top, "a", "e"))

	require.NoError(t, os.WriteFile("file", nil, 0o600))
	require.ErrorIs(t, MakeDir("file"), syscall.ENOTDIR)
	require.ErrorIs(t, MakeDir("file/below"), syscall.ENOTDIR)
}
