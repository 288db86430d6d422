package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// startFlags are the flags of node start that can stand in a file.
func startFlags() (names []string) {
	f := pflag.NewFlagSet("start", pflag.ContinueOnError)
	new(startOptions).add(f)
	f.VisitAll(func(flag *pflag.Flag) {
		if !slices.Contains(notInFile, flag.Name) {
			names = append(names, flag.Name)
		}
	})
	return names
}

// An operator finds each flag in docs/operations.md, and nothing there that is none.
func TestEveryFlagOfNodeStartStandsInTheDocumentAndInAFile(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(text), "\n## Every setting of a node\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	var documented []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|").FindAllStringSubmatch(section, -1) {
		documented = append(documented, m[1])
	}
	slices.Sort(documented)
	require.Equal(t, startFlags(), documented)

	// Every one is a key: a file with all of them is read without a mistake in any.
	values := map[string]string{"id": "1", "join": "true", "demo-users": "true", "client-certs": "true", "insecure": "true", "bcrypt-cost": "10", "segment-mib": "16"}
	var file strings.Builder
	for _, name := range startFlags() {
		value := values[name]
		if value == "" {
			value = "text"
		}
		file.WriteString(name + ": " + value + "\n")
	}
	path := filepath.Join(t.TempDir(), "all.yaml")
	require.NoError(t, os.WriteFile(path, []byte(file.String()), 0o600))
	_, stderr, code := node("start", "--config", path, "--check")
	require.Equal(t, 2, code)
	require.NotContains(t, stderr, "there is no flag")
	require.NotContains(t, stderr, " is no true or false")
	require.Contains(t, stderr, "--join and --cluster contradict one another")
}

func TestMistakesOfAConfigurationFileAreToldAllAtOnceWithTheirLines(t *testing.T) {
	addrs := free(t, 2)
	dir := filepath.Join(t.TempDir(), "data")
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "node.yaml")
		text = strings.NewReplacer("DIR", dir, "CLIENTS", addrs[0], "PEERS", addrs[1]).Replace(text)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	good := "dir: DIR\nid: 1\nclient-addr: CLIENTS\npeer-addr: PEERS\ncluster:\n  - 1=PEERS\n"
	for name, c := range map[string]struct {
		text string
		args []string
		want []string // each begins with the line, or lines
	}{
		"a key that is none":         {good + "sign_up: open\n", nil, []string{`:7: there is no flag "sign_up"; did you mean "sign-up"?`}},
		"types":                      {"dir: DIR\nid: one\njoin: 7\n", nil, []string{`:2: id: "one" is no number from 0 on`, `:3: join: "7" is no true or false`}},
		"two keys that conflict":     {good + "join: true\n", nil, []string{`:7, FILE:5: --join and --cluster contradict one another`}},
		"out of range, and no value": {good + "bcrypt-cost: 99\nsign-up: maybe\ntoken-lifetime: soon\n", nil, []string{":7: --bcrypt-cost: ", ":8: --sign-up: ", ":9: --token-lifetime: "}},
		"several kinds":              {strings.Replace(good, "CLIENTS", "nowhere", 1) + "lease: soon\n", nil, []string{`:3: --client-addr: "nowhere" is not HOST:PORT`, `:7: --lease: "soon" is no duration`}},
		"TLS and in the clear":       {good + "insecure: true\ntls-cert: a\ntls-key: b\ntls-ca: c\n", nil, []string{":7, FILE:8: --insecure and --tls-cert contradict one another"}},
		"how nodes talk":             {good + "transport: pigeons\n", nil, []string{`:7: --transport: "pigeons" is no way for nodes to talk`}},
		"half of TLS":                {good + "tls-cert: a\n", nil, []string{":7: --tls-cert, --tls-key and --tls-ca belong together, and --tls-key is missing"}},
		"in the clear":               {strings.Replace(good, "CLIENTS", "0.0.0.0:1", 1), nil, []string{":3: 0.0.0.0:1 (--client-addr) can be reached from other machines"}},
		"the command line's mistake": {good, []string{"--sign-up", "maybe"}, []string{" --sign-up: "}},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(c.text)
			for _, args := range [][]string{{"start", "--config", path}, {"start", "--config", path, "--check"}} {
				stdout, stderr, code := node(append(args, c.args...)...)
				require.Equal(t, 2, code)
				require.Empty(t, stdout)
				require.Equal(t, 1, strings.Count(stderr, "\n"), "one line: %s", stderr)
				for _, want := range c.want {
					if strings.HasPrefix(want, ":") {
						want = path + strings.ReplaceAll(want, "FILE", path)
					}
					require.Contains(t, stderr, want)
				}
			}
		})
	}
	require.NoDirExists(t, dir)
	stdout, stderr, code := node("start", "--config", write(good), "--check")
	require.Zero(t, code, stderr)
	require.Equal(t, "node 1 can start on "+dir+"\n", stdout)
	stdout, _, code = node("start", "--config", write(good+"sign-up: maybe\n"), "--sign-up", "closed", "--check")
	require.Zero(t, code, "the command line counts")
	require.Contains(t, stdout, "can start")
	require.NoDirExists(t, dir, "and nothing was made")
}

// The story of a node that is run by a file alone.
func TestANodeRunsByItsConfigurationFile(t *testing.T) {
	t.Parallel()
	addrs := free(t, 2)
	dir := filepath.Join(t.TempDir(), "data")
	path := filepath.Join(t.TempDir(), "node.yaml")
	require.NoError(t, os.WriteFile(path, []byte("dir: "+dir+"\nid: 1\nclient-addr: "+addrs[0]+"\npeer-addr: "+addrs[1]+
		"\ncluster: [1="+addrs[1]+"]\ndemo-users: true\nbcrypt-cost: 4\n"), 0o600))
	for range 2 { // the second time on what the first one saved
		p := launch(t, "start", "--config", path)
		p.stderr.await(t, `msg="node is up"`)
		send(t, addrs[0], "hello")
		require.Zero(t, p.interrupt())
	}
}
