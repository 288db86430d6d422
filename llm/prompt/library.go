package prompt

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"text/template"
)

//go:embed instructions/*.txt
var builtIn embed.FS

// A Library has the instructions of all kinds. It may be used by many goroutines.
type Library struct {
	rules *template.Template
	kinds map[Kind]*template.Template
}

// numbers is all that an instruction can be filled in with: there is no field for what a user wrote.
type numbers struct {
	Fence  string
	Count  int
	Topics int
	Words  int
	Runes  int
}

// Default returns the library that is built in.
func Default() *Library {
	l, err := read(func(name string) ([]byte, error) { return builtIn.ReadFile("instructions/" + name) })
	if err != nil {
		panic(fmt.Sprintf("the built-in instructions: %v", err)) // a test reads them all
	}
	return l
}

// instructionBytesMax bounds a file of instructions: models with small contexts have to read it too.
const instructionBytesMax = 8 << 10

// Open returns the built-in library, with the files of a folder in the place of those of the same name: rules.txt, which
// stands before every instruction, and one file a kind (reply.txt, document-summary.txt, ...).
func Open(dir string) (*Library, error) {
	folder := os.DirFS(dir)
	if _, err := fs.Stat(folder, "."); err != nil {
		return nil, fmt.Errorf("the folder of instructions: %w", err)
	}
	return read(func(name string) ([]byte, error) {
		text, err := fs.ReadFile(folder, name)
		if errors.Is(err, fs.ErrNotExist) {
			return builtIn.ReadFile("instructions/" + name)
		}
		return text, err
	})
}

// read parses all instructions and fills each in once, so that a mistake is found at the start.
func read(file func(name string) ([]byte, error)) (*Library, error) {
	l := &Library{kinds: map[Kind]*template.Template{}}
	parse := func(name string) (*template.Template, error) {
		text, err := file(name)
		if err != nil {
			return nil, fmt.Errorf("instructions: %w", err)
		}
		if len(text) > instructionBytesMax {
			return nil, fmt.Errorf("instructions: %s has %d bytes, and at most %d are taken", name, len(text), instructionBytesMax)
		}
		t, err := template.New(name).Parse(strings.TrimSpace(string(text)))
		if err != nil {
			return nil, fmt.Errorf("instructions: %w", err)
		}
		return t, nil
	}
	var err error
	if l.rules, err = parse("rules.txt"); err != nil {
		return nil, err
	}
	for _, k := range Kinds() {
		if l.kinds[k], err = parse(k.String() + ".txt"); err != nil {
			return nil, err
		}
		if _, err := l.instruction(New(k), fenceWord); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// instruction fills in the rules and the instruction of a kind.
func (l *Library) instruction(t Task, fence string) (string, error) {
	n := numbers{Fence: fence, Count: t.Count, Topics: t.Topics, Words: t.Words, Runes: t.Runes}
	var b strings.Builder
	if err := l.rules.Execute(&b, n); err != nil {
		return "", fmt.Errorf("instructions: %w", err)
	}
	b.WriteString("\n\n")
	if err := l.kinds[t.Kind].Execute(&b, n); err != nil {
		return "", fmt.Errorf("instructions: %w", err)
	}
	return b.String(), nil
}
