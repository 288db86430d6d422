package process

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/rpc/auth"
)

// How connections are protected is saved and may be another at the next start; what was said last counts, and nothing that is saved
// makes a node listen in the clear that was given certificates.
func TestHowConnectionsAreProtectedMayChangeFromOneStartToTheNext(t *testing.T) {
	yes, no := new(true), new(false)
	certs := WireFlags{Cert: "/c", Key: "/k", CA: "/ca"}
	saved := Wire{}.under(certs)
	require.Equal(t, Wire{Cert: "/c", Key: "/k", CA: "/ca"}, saved)
	for _, c := range []struct {
		was  Wire
		says WireFlags
		want Wire
	}{
		{saved, WireFlags{}, saved},
		{saved, WireFlags{Cert: "/d"}, Wire{Cert: "/d", Key: "/k", CA: "/ca"}},
		{saved, WireFlags{ClientCerts: yes, Transport: "grpc"}, Wire{Cert: "/c", Key: "/k", CA: "/ca", ClientCerts: true, Transport: "grpc"}},
		{Wire{Cert: "/c", Key: "/k", CA: "/ca", ClientCerts: true}, WireFlags{ClientCerts: no}, saved},
		{Wire{Cert: "/c", Key: "/k", CA: "/ca", Transport: "grpc"}, WireFlags{Insecure: yes}, Wire{Insecure: true, Transport: "grpc"}},
		{Wire{Insecure: true}, certs, saved},
		{Wire{Insecure: true}, WireFlags{Insecure: no}, Wire{}},
		{Wire{Insecure: true}, WireFlags{}, Wire{Insecure: true}},
	} {
		require.Equal(t, c.want, c.was.under(c.says))
	}
	wd, err := os.Getwd()
	require.NoError(t, err)
	require.Equal(t, filepath.Join(wd, "c.crt"), Wire{}.under(WireFlags{Cert: "c.crt"}).Cert, "as seen from where it was written")

	here, there := Settings{ClientAddr: "127.0.0.1:1", PeerAddr: "[::1]:1"}, Settings{ClientAddr: "127.0.0.1:1", PeerAddr: "10.0.0.1:1"}
	for _, c := range []struct {
		w    Wire
		s    Settings
		says string // empty: it can be
	}{
		{Wire{}, here, ""},
		{Wire{}, there, "10.0.0.1:1 (--peer-addr) can be reached from other machines"},
		{Wire{}, Settings{ClientAddr: ":1", PeerAddr: "127.0.0.1:1"}, ":1 (--client-addr) can be reached"},
		{Wire{Insecure: true}, there, ""},
		{saved, there, ""},
		{saved, here, ""},
		{Wire{Cert: "/c"}, here, "--tls-key is missing"},
		{Wire{Key: "/k", CA: "/ca"}, here, "--tls-cert is missing"},
		{Wire{Cert: "/c", Key: "/k", CA: "/ca", Insecure: true}, there, "contradict"},
		{Wire{ClientCerts: true}, here, "--client-certs needs --tls-ca"},
		{Wire{ClientCert: "/x", ClientKey: "/y"}, here, "--client-tls-cert needs"},
		{Wire{Cert: "/c", Key: "/k", CA: "/ca", ClientCert: "/x"}, here, "--client-tls-cert and --client-tls-key belong together"},
		{Wire{Transport: "udp"}, here, "--transport"},
	} {
		if err := c.w.check(&c.s); c.says == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, c.says)
		}
	}
}

// A start finds the secret that its directory has; else that of --secret-file; else the user's. A check makes none.
func TestR92_TheSecretIsFoundWhereItWasPut(t *testing.T) {
	home := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", home)
	users := filepath.Join(home, "parley", secretFile)
	require.Equal(t, users, sharedSecretFile("/any"))
	local := Settings{ClientAddr: "127.0.0.1:1", PeerAddr: "127.0.0.1:2"}
	remote := Settings{ClientAddr: "10.0.0.1:1", PeerAddr: "10.0.0.1:2", Wire: Wire{Insecure: true}}
	dir, given := t.TempDir(), filepath.Join(t.TempDir(), "given")

	g, err := openGuards(local, Flags{Dir: dir}, false)
	require.NoError(t, err)
	require.NotNil(t, g.shared)
	require.NoFileExists(t, users)
	g, err = openGuards(remote, Flags{Dir: dir}, true)
	require.NoError(t, err)
	require.Nil(t, g.peers(), "a secret that is made here is known nowhere else")
	require.NoFileExists(t, users)
	_, err = openGuards(remote, Flags{Dir: dir, SecretFile: given}, true)
	require.ErrorIs(t, err, os.ErrNotExist)

	first, err := openGuards(local, Flags{Dir: dir}, true)
	require.NoError(t, err)
	require.FileExists(t, users)
	again, err := openGuards(local, Flags{Dir: t.TempDir()}, true)
	require.NoError(t, err)
	require.Equal(t, first.found.secret, again.found.secret, "all of one user's")
	require.NoError(t, first.found.keep(dir))
	require.NoError(t, os.Remove(users))
	kept, err := openGuards(local, Flags{Dir: dir}, true)
	require.NoError(t, err)
	require.Equal(t, first.found.secret, kept.found.secret)
	require.NoFileExists(t, users)

	own, err := openGuards(local, Flags{Dir: dir, SecretFile: given}, true)
	require.NoError(t, err)
	require.NotEqual(t, first.found.secret, own.found.secret)
	require.NoError(t, own.found.keep(dir))
	kept, err = openGuards(remote, Flags{Dir: dir}, false)
	require.NoError(t, err)
	require.Equal(t, own.found.secret, kept.found.secret, "in the place of the one before")
	secret, there, err := Secret(dir)
	require.NoError(t, err)
	require.True(t, there)
	require.Equal(t, own.found.secret.Encode()+"\n", string(secret.Data))

	withTLS := local
	withTLS.Wire = Wire{Cert: "/c", Key: "/k", CA: "/ca"}
	_, err = openGuards(withTLS, Flags{Dir: dir, SecretFile: given}, true)
	require.ErrorContains(t, err, "--secret-file and --tls-cert contradict one another")

	// dev's is the user's, if there is none yet; and a new one where he has no place for his.
	shared := filepath.Join(t.TempDir(), secretFile)
	require.NoError(t, ShareSecret(shared))
	a, err := auth.ReadSecretFile(shared)
	require.NoError(t, err)
	b, err := auth.ReadSecretFile(users)
	require.NoError(t, err)
	require.Equal(t, a, b)
	require.NoError(t, ShareSecret(given), "it is there")
	require.NoError(t, os.WriteFile(filepath.Join(home, "file"), nil, 0o600))
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "file"))
	alone := filepath.Join(t.TempDir(), secretFile)
	require.NoError(t, ShareSecret(alone))
	c, err := auth.ReadSecretFile(alone)
	require.NoError(t, err)
	require.NotEqual(t, a, c)
	g, err = openGuards(local, Flags{Dir: t.TempDir()}, true)
	require.NoError(t, err, "a node alone needs no place")
	require.True(t, g.found.alone)
	require.NotNil(t, g.shared)
}
