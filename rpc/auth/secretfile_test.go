package auth

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is at stake: three nodes that are started at once, and one of them with a secret of its own.
func TestR92_ProcessesThatMakeASecretAtOnceGetTheSame(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	var all sync.WaitGroup
	secrets, makers := make([]Secret, 20), make([]bool, 20)
	for i := range secrets {
		all.Go(func() {
			var err error
			if secrets[i], makers[i], err = MakeSecretFile(path); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	made := 0
	for i := range secrets {
		require.Equal(t, secrets[0], secrets[i])
		if makers[i] {
			made++
		}
	}
	require.Equal(t, 1, made)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, left, 1, "nothing is left behind")
}

func TestR92_AFileThatOthersCanReadIsNoSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	s, _, err := MakeSecretFile(path)
	require.NoError(t, err)
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o602, 0o644, 0o700 | 0o010} {
		require.NoError(t, os.Chmod(path, mode))
		_, err := ReadSecretFile(path)
		require.ErrorContains(t, err, fmt.Sprintf("has mode %04o", mode))
		require.NotContains(t, err.Error(), s.Encode())
		_, _, err = MakeSecretFile(path)
		require.Error(t, err, "and none is made in its place")
	}
	require.NoError(t, os.Chmod(path, 0o400))
	again, err := ReadSecretFile(path)
	require.NoError(t, err)
	require.Equal(t, s, again)
}

// Whoever left a secret in our place would be every node.
func TestR92_ASecretThatAnotherUserLeftIsNotUsed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, WriteSecretFile(path, NewSecret()))
	require.False(t, foreign(infoOf(t, path)), "one's own")
	if err := os.Chown(path, 12345, -1); err != nil {
		require.ErrorIs(t, err, fs.ErrPermission) // the superuser alone can give a file away
		return
	}
	_, err := ReadSecretFile(path)
	require.ErrorContains(t, err, "belongs to another user")
	_, _, err = MakeSecretFile(path)
	require.Error(t, err)
}

func infoOf(t *testing.T, path string) fs.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info
}

func TestAFileThatHoldsNoSecretIsSaidToHoldNone(t *testing.T) {
	dir := t.TempDir()
	_, err := ReadSecretFile(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = ReadSecretFile(dir)
	require.Error(t, err)
	for i, text := range []string{"", "\n", "short", Secret{}.Encode(), NewSecret().Encode() + "x", "two " + NewSecret().Encode()} {
		path := filepath.Join(dir, fmt.Sprint(i))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := ReadSecretFile(path)
		require.ErrorContains(t, err, "does not hold a secret", text)
		require.NotContains(t, err.Error(), "logins")
	}
	path := filepath.Join(dir, "blanks")
	s := NewSecret()
	require.NoError(t, os.WriteFile(path, []byte("  "+s.Encode()+"\r\n\n"), 0o600))
	got, err := ReadSecretFile(path)
	require.NoError(t, err)
	require.Equal(t, s, got)
	require.ErrorIs(t, WriteSecretFile(path, NewSecret()), fs.ErrExist)
}
