package keep

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Suggested are answers that were shown to somebody in a place, so that the one that he chooses by its number is the one that he
// saw. It is kept as closely as the credentials: it is made of what only members read.
type Suggested struct {
	Login string   `json:"login"` // who saw them
	Place string   `json:"place"`
	Texts []string `json:"texts"`
	From  string   `json:"from"` // their source
}

func (d Dir) suggested(name string) string {
	return filepath.Join(string(d), "suggested", name+".json")
}

// PutSuggested remembers what was shown last in a context.
func (d Dir) PutSuggested(name string, s Suggested) error {
	if err := CheckName(name); err != nil {
		return err
	}
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return d.write(d.suggested(name), append(b, '\n'))
}

// Suggested returns what was shown last in a context; none if nothing was.
func (d Dir) Suggested(name string) (s Suggested, err error) {
	if err := CheckName(name); err != nil {
		return s, err
	}
	b, err := os.ReadFile(d.suggested(name))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil && json.Unmarshal(b, &s) != nil {
		return Suggested{}, nil // nothing that was shown can be told from it
	}
	return s, err
}

// DropSuggested forgets it.
func (d Dir) DropSuggested(name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if err := os.Remove(d.suggested(name)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
