// Package config reads a configuration file, which has the flags of a command, each under its name:
//
//	dir: /var/lib/parley
//	id: 2
//	client-addr: 10.0.0.2:50051
//	cluster:
//	  - 1=10.0.0.1:50151
//	  - 2=10.0.0.2:50151
//
// It is YAML of the plainest kind: one mapping of names to scalars, or to lists of scalars, which are joined with commas. What a
// value means is decided by the flag alone, from the text as it stands there: none of YAML's guesses about numbers, dates
// and "no" applies.
//
// Every mistake is told with the line that it is in; what the command finds wrong later is traced back to the lines
// of the flags that it names (Explain).
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// fileBytesMax is far beyond what a file with all flags is.
const fileBytesMax = 1 << 20

// File is a configuration file that was read.
type File struct {
	path  string
	lines map[string]int // of the flags that it has set
}

// Apply sets the flags that stand in a file and were not given otherwise; an empty path is no file. not are flags that can't
// stand there. The error has all that is wrong with the file, each mistake with its line.
func Apply(path string, flags *pflag.FlagSet, not ...string) (*File, error) {
	file := &File{path: path, lines: map[string]int{}}
	if path == "" {
		return file, nil
	}
	root, err := parse(path)
	if err != nil || root == nil {
		return file, err
	}
	var wrong []error
	seen := map[string]int{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		if err := file.set(flags, not, seen, key, value); err != nil {
			wrong = append(wrong, fmt.Errorf("%s:%d: %w", path, key.Line, err))
		}
	}
	return file, errors.Join(wrong...)
}

// parse returns the mapping that a file holds; nil if it holds nothing.
func parse(path string) (*yaml.Node, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, fileBytesMax+1))
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	if len(text) > fileBytesMax {
		return nil, fmt.Errorf("--config: %s has more than %d bytes", path, fileBytesMax)
	}
	var doc, more yaml.Node
	in := yaml.NewDecoder(bytes.NewReader(text))
	if err := in.Decode(&doc); err != nil && err != io.EOF {
		line, why := lineOf(err)
		return nil, fmt.Errorf("%s:%s: this is not YAML: %s", path, line, why)
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	if err := in.Decode(&more); err != io.EOF {
		return nil, fmt.Errorf("%s:%d: the file goes on after its end (---)", path, max(more.Line, 1))
	}
	root := doc.Content[0]
	if root.Tag == "!!null" {
		return nil, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: the file is a list of flags, each a line: client-addr: 10.0.0.1:50051", path, root.Line)
	}
	return root, nil
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): (.*)$`)

// lineOf takes the line out of what the parser says.
func lineOf(err error) (line, why string) {
	text := strings.ReplaceAll(err.Error(), "\n", " ")
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		return m[1], m[2]
	}
	return "1", strings.TrimPrefix(text, "yaml: ")
}

// set sets one flag.
func (f *File) set(flags *pflag.FlagSet, not []string, seen map[string]int, key, value *yaml.Node) error {
	name := key.Value
	if key.Kind != yaml.ScalarNode {
		return errors.New("a key is the name of a flag")
	}
	flag := flags.Lookup(name)
	switch {
	case flag == nil:
		return fmt.Errorf("there is no flag %q%s", name, similar(flags, not, name))
	case slices.Contains(not, name):
		return fmt.Errorf("%q is for the command line alone", name)
	case seen[name] != 0:
		return fmt.Errorf("%q stands in line %d already", name, seen[name])
	}
	seen[name] = key.Line
	text, err := textOf(value)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if flag.Changed { // the command line counts; but a mistake is one all the same
		return f.tries(flag, text)
	}
	if err := flags.Set(name, text); err != nil {
		return fmt.Errorf("%s: %q is no %s", name, text, kindOf(flag))
	}
	f.lines[name] = key.Line
	return nil
}

// tries reports what would be wrong with a value that is not used.
func (f *File) tries(flag *pflag.Flag, text string) error {
	before := flag.Value.String()
	err := flag.Value.Set(text)
	if back := flag.Value.Set(before); back != nil {
		return back
	}
	if err != nil {
		return fmt.Errorf("%s: %q is no %s", flag.Name, text, kindOf(flag))
	}
	return nil
}

// kindOf names the values that a flag takes.
func kindOf(flag *pflag.Flag) string {
	switch kind := flag.Value.Type(); {
	case kind == "bool":
		return "true or false"
	case strings.HasPrefix(kind, "uint"):
		return "number from 0 on"
	case strings.HasPrefix(kind, "int"):
		return "number"
	case kind == "duration":
		return "duration, such as 10s"
	default:
		return kind
	}
}

// textOf is a value as the command line would have it.
func textOf(value *yaml.Node) (string, error) {
	switch {
	case value.Kind == yaml.ScalarNode && value.Tag == "!!null":
		return "", errors.New("the value is missing")
	case value.Kind == yaml.ScalarNode:
		return value.Value, nil
	case value.Kind == yaml.SequenceNode:
		var parts []string
		for _, one := range value.Content {
			if one.Kind != yaml.ScalarNode || one.Tag == "!!null" {
				return "", errors.New("a list holds texts and numbers")
			}
			parts = append(parts, one.Value)
		}
		return strings.Join(parts, ","), nil
	}
	return "", errors.New("a value is a text, a number, true or false, or a list of them")
}

// similar proposes the flag that was meant: the one that differs least.
func similar(flags *pflag.FlagSet, not []string, name string) string {
	best, least := "", 3 // more differences make it another word
	flags.VisitAll(func(f *pflag.Flag) {
		if slices.Contains(not, f.Name) {
			return
		}
		if d := distance(strings.ReplaceAll(strings.ToLower(name), "_", "-"), f.Name); d < least {
			best, least = f.Name, d
		}
	})
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance is how many letters have to be put in, taken out or changed to make one word of another.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

var flagName = regexp.MustCompile(`--([a-z][a-z0-9-]*)`)

// Explain adds to an error of the command where in the file the flags stand that it names. Of errors that were joined each is
// explained by itself.
func (f *File) Explain(err error) error {
	if err == nil || len(f.lines) == 0 {
		return err
	}
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		var explained []error
		for _, one := range all.Unwrap() {
			explained = append(explained, f.Explain(one))
		}
		return errors.Join(explained...)
	}
	var places []string
	for _, m := range flagName.FindAllStringSubmatch(err.Error(), -1) {
		if line := f.lines[m[1]]; line != 0 {
			if place := fmt.Sprintf("%s:%d", f.path, line); !slices.Contains(places, place) {
				places = append(places, place)
			}
		}
	}
	if len(places) == 0 {
		return err
	}
	return fmt.Errorf("%s: %w", strings.Join(places, ", "), err)
}
