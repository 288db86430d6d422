package keep

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/rpc/client"
)

func env(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

func TestTheDirectoryIsTheOneThatTheEnvironmentNames(t *testing.T) {
	all := map[string]string{"PARLEY_CONFIG_DIR": "/p", "XDG_CONFIG_HOME": "/x", "HOME": "/h"}
	for _, c := range []struct {
		without string
		want    Dir
	}{{"", "/p"}, {"PARLEY_CONFIG_DIR", "/x/parley"}, {"XDG_CONFIG_HOME", "/h/.config/parley"}} {
		delete(all, c.without)
		dir, err := DirOf(env(all))
		require.NoError(t, err)
		require.Equal(t, c.want, dir)
	}
	dir, err := DirOf(env(map[string]string{"XDG_CONFIG_HOME": "relative", "HOME": "/h"}))
	require.NoError(t, err)
	require.Equal(t, Dir("/h/.config/parley"), dir)
	_, err = DirOf(env(nil))
	require.Error(t, err)
}

// What is at stake: a token that another user of the machine reads.
func TestR100_CredentialsAreForTheirOwnersEyes(t *testing.T) {
	dir := Dir(filepath.Join(t.TempDir(), "new", "parley"))
	who := client.Credentials{User: "alice", Login: "login_1", Token: "t", Since: time.Unix(1, 0).UTC(), Expires: time.Unix(9, 0).UTC()}
	require.NoError(t, dir.Update(Default, func(c *Context) { c.Credentials = who }))
	path := filepath.Join(string(dir), "contexts", "default.json")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	info, err = os.Stat(filepath.Dir(path))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	c, err := dir.Load(Default)
	require.NoError(t, err)
	require.Equal(t, who, c.Credentials)

	for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o644} {
		require.NoError(t, os.Chmod(path, mode))
		_, err = dir.Load(Default)
		var open *OpenError
		require.ErrorAs(t, err, &open)
		require.Error(t, dir.Update(Default, func(*Context) {}), "and nothing new is put there")
	}
	require.NoError(t, os.Chmod(path, 0o400))
	_, err = dir.Load(Default)
	require.NoError(t, err)

	require.NoError(t, os.Chmod(path, 0o600))
	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	_, err = dir.Load(Default)
	require.ErrorContains(t, err, "is damaged")
}

func TestR100_ContextsAreNamedAndOneIsInUse(t *testing.T) {
	dir := Dir(t.TempDir())
	name, err := dir.Current()
	require.NoError(t, err)
	require.Equal(t, Default, name)
	require.ErrorContains(t, dir.Use("work"), "there is no context")
	require.NoError(t, dir.Update("work", func(c *Context) { c.Addrs = []string{"a:1"} }))
	require.NoError(t, dir.Use("work"))
	name, err = dir.Current()
	require.NoError(t, err)
	require.Equal(t, "work", name)
	names, err := dir.List()
	require.NoError(t, err)
	require.Equal(t, []string{"default", "work"}, names)
	require.NoError(t, dir.PutSuggested("work", Suggested{}))
	require.NoError(t, dir.Remove("work"))
	require.NoFileExists(t, dir.suggested("work"), "answers that were shown tell what was said")
	require.Error(t, dir.Remove("work"))
	for _, bad := range []string{"", "../x", "a/b", "A", "ä", ".", "-\n"} {
		require.Error(t, CheckName(bad), bad)
		_, err := dir.Load(bad)
		require.Error(t, err, bad)
	}
}

// Two commands at the same time, one of which renews a token: none of their changes gets lost.
func TestChangesOfTwoProcessesDoNotUndoEachOther(t *testing.T) {
	dir := Dir(t.TempDir())
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if err := dir.Update(Default, func(c *Context) { c.Addrs = append(c.Addrs, fmt.Sprint(i)) }); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	c, err := dir.Load(Default)
	require.NoError(t, err)
	require.Len(t, c.Addrs, 20)
	entries, err := os.ReadDir(filepath.Join(string(dir), "contexts"))
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing is left behind")
}
