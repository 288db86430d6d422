package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

type options struct {
	name, list string
	number     int
	id         uint64
	yes        bool
	config     string
}

func newFlags() (*pflag.FlagSet, *options) {
	f, o := pflag.NewFlagSet("test", pflag.ContinueOnError), &options{}
	f.StringVar(&o.name, "name", "", "")
	f.StringVar(&o.list, "list", "", "")
	f.IntVar(&o.number, "number", 7, "")
	f.Uint64Var(&o.id, "id", 0, "")
	f.BoolVar(&o.yes, "yes", false, "")
	f.StringVar(&o.config, "config", "", "")
	return f, o
}

func write(t *testing.T, text string) string {
	path := filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestAFileSetsFlagsAndTheCommandLineCounts(t *testing.T) {
	for text, want := range map[string]options{
		"":                                    {number: 7},
		"# nothing\n":                         {number: 7},
		"---\n":                               {number: 7},
		"{}":                                  {number: 7},
		"name: a\nnumber: 12\n":               {name: "a", number: 12},
		"name: 'a: b # c'\n":                  {name: "a: b # c", number: 7},
		"name: 0777\n":                        {name: "0777", number: 7}, // no number
		"name: no\n":                          {name: "no", number: 7},   // no truth
		"name: 2026-11-22\n":                  {name: "2026-11-22", number: 7},
		"name: 1e3\n":                         {name: "1e3", number: 7},
		"yes: true\nid: 18446744073709551615": {yes: true, id: 1<<64 - 1, number: 7},
		"list: [1=a:1, 2=b:2]\n":              {list: "1=a:1,2=b:2", number: 7},
		"list:\n  - 1=a:1\n  - x":             {list: "1=a:1,x", number: 7},
		"list: []\n":                          {number: 7},
		"name: \"\"\n":                        {number: 7},
	} {
		f, o := newFlags()
		file, err := Apply(write(t, text), f, "config")
		require.NoError(t, err, text)
		require.Equal(t, want, *o, text)
		require.NoError(t, file.Explain(nil))
	}
	f, o := newFlags()
	require.NoError(t, f.Parse([]string{"--name", "mine", "--yes=false"}))
	_, err := Apply(write(t, "name: its\nnumber: 1\nyes: true"), f, "config")
	require.NoError(t, err)
	require.Equal(t, options{name: "mine", number: 1}, *o)
	_, err = Apply("", f, "config")
	require.NoError(t, err)
}

// An operator who has to start a node five times to hear of five mistakes has done four times too many.
func TestAllMistakesOfAFileAreToldEachWithItsLine(t *testing.T) {
	f, _ := newFlags()
	require.NoError(t, f.Parse([]string{"--number", "3"}))
	path := write(t, `# a comment
nmae: a
id: -1
id: 2
yes: maybe

number: twelve
config: other.yaml
list: {a: b}
name:
? [a]
: b
client_addr: x
`)
	_, err := Apply(path, f, "config")
	for _, want := range []string{
		`:2: there is no flag "nmae"; did you mean "name"?`,
		`:3: id: "-1" is no number from 0 on`,
		`:4: "id" stands in line 3 already`,
		`:5: yes: "maybe" is no true or false`,
		`:7: number: "twelve" is no number`, // also where the command line counts
		`:8: "config" is for the command line alone`,
		`:9: list: a value is a text, a number, true or false, or a list of them`,
		`:10: name: the value is missing`,
		`:11: a key is the name of a flag`,
		`:13: there is no flag "client_addr"`,
	} {
		require.ErrorContains(t, err, path+want)
	}
	var all interface{ Unwrap() []error }
	require.ErrorAs(t, err, &all)
	require.Len(t, all.Unwrap(), 10)
	number, err := f.GetInt("number")
	require.NoError(t, err)
	require.Equal(t, 3, number)
}

func TestWhatIsNoConfigurationIsNotTakenForOne(t *testing.T) {
	for text, want := range map[string]string{
		"- a\n- b\n":           ":1: the file is a list of flags",
		"just words":           ":1: the file is a list of flags",
		"name: a\n  bad: [":    ": this is not YAML: ",
		"name: \"a":            ": this is not YAML: ",
		"name: a\n---\nid: 1":  ": the file goes on after its end",
		"name: &x a\nlist: *x": ":2: list: a value is a text",
		"list: [[a]]":          ":1: list: a list holds texts and numbers",
		"<<: {name: a}":        `:1: there is no flag "<<"`,
		"\x00\x01":             ": this is not YAML: ",
	} {
		f, _ := newFlags()
		path := write(t, text)
		_, err := Apply(path, f, "config")
		require.ErrorContains(t, err, path, text)
		require.ErrorContains(t, err, want, text)
		require.NotContains(t, err.Error(), " yaml:", text)
	}
	f, _ := newFlags()
	_, err := Apply(filepath.Join(t.TempDir(), "none"), f)
	require.ErrorIs(t, err, os.ErrNotExist)
	path := write(t, "")
	require.NoError(t, os.Truncate(path, fileBytesMax+1))
	_, err = Apply(path, f)
	require.ErrorContains(t, err, "has more than")
}

// What is found wrong later is traced back to the lines, each of several errors to its own.
func TestAnErrorThatNamesFlagsIsTracedBackToTheirLines(t *testing.T) {
	f, _ := newFlags()
	require.NoError(t, f.Parse([]string{"--number", "3"}))
	path := write(t, "name: a\n\nlist: b\nnumber: 4\n")
	file, err := Apply(path, f, "config")
	require.NoError(t, err)
	cause := errors.New("--list and --name contradict one another, and --list again")
	got := file.Explain(fmt.Errorf("start: %w", cause))
	require.EqualError(t, got, fmt.Sprintf("%s:3, %s:1: start: %v", path, path, cause))
	require.ErrorIs(t, got, cause)
	require.EqualError(t, file.Explain(errors.New("--number: too large")), "--number: too large", "it is the command line's")
	require.EqualError(t, file.Explain(errors.New("no flag at all")), "no flag at all")
	got = file.Explain(errors.Join(errors.New("--name: x"), errors.Join(errors.New("--list: y"), errors.New("z"))))
	require.EqualError(t, got, fmt.Sprintf("%s:1: --name: x\n%s:3: --list: y\nz", path, path))
}
