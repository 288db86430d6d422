package metrics

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const deploy = "../../../deploy/"

// rules is what the test reads of a file of alerts.
type rules struct {
	Groups []struct {
		Rules []struct {
			Alert       string            `yaml:"alert"`
			Expr        string            `yaml:"expr"`
			Labels      map[string]string `yaml:"labels"`
			Annotations map[string]string `yaml:"annotations"`
		} `yaml:"rules"`
	} `yaml:"groups"`
}

func readRules(t *testing.T) (r rules) {
	text, err := os.ReadFile(deploy + "prometheus/alerts.yaml")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &r))
	return r
}

// queries are what a dashboard asks, by panel.
func queries(t *testing.T) map[string][]string {
	text, err := os.ReadFile(deploy + "grafana/parley.json")
	require.NoError(t, err)
	var d struct {
		Panels []struct {
			Title   string                  `json:"title"`
			Type    string                  `json:"type"`
			Targets []struct{ Expr string } `json:"targets"`
		} `json:"panels"`
	}
	require.NoError(t, json.Unmarshal(text, &d))
	all := map[string][]string{}
	for _, p := range d.Panels {
		if p.Type == "row" {
			continue
		}
		require.NotContains(t, all, p.Title, "two panels of one title")
		for _, target := range p.Targets {
			all[p.Title] = append(all[p.Title], target.Expr)
		}
		require.NotEmpty(t, all[p.Title], p.Title)
	}
	require.Greater(t, len(all), 20)
	return all
}

var (
	seriesName = regexp.MustCompile(`\b(?:parley|go|process|promhttp)_[a-z0-9_]+\b`)
	labelName  = regexp.MustCompile(`\b([a-z]+)(?:=~|!~|!=|=)"`)
)

// served are the names of all series that a node serves.
func served(t *testing.T) (names []string) {
	m := New()
	m.Watch(nil, "")
	for _, f := range m.Families() {
		names = append(names, f.Name)
		if f.Kind == "histogram" {
			names = append(names, f.Name+"_bucket", f.Name+"_sum", f.Name+"_count")
		}
	}
	m = New() // nothing is read off
	families, err := m.Gatherer().Gather()
	require.NoError(t, err)
	for _, f := range families {
		names = append(names, f.GetName())
	}
	return names
}

// A dashboard that asks for what no node serves is an empty picture at the worst of times, and an alert that does never
// fires.
func TestDashboardAndAlertsAskForWhatNodesServe(t *testing.T) {
	have, labels := served(t), []string{"job", "instance"}
	m := New()
	m.Watch(nil, "")
	for _, f := range m.Families() {
		labels = append(labels, f.Labels...)
	}
	check := func(where, expr string) {
		named := seriesName.FindAllString(expr, -1)
		require.True(t, len(named) > 0 || strings.Contains(expr, "up{"), "%s: %s", where, expr)
		for _, name := range named {
			require.Contains(t, have, name, "%s asks for what no node serves: %s", where, expr)
		}
		for _, l := range labelName.FindAllStringSubmatch(expr, -1) {
			require.Contains(t, labels, l[1], "%s: %s", where, expr)
		}
	}
	for title, exprs := range queries(t) {
		for _, expr := range exprs {
			check(title, expr)
		}
	}
	for _, g := range readRules(t).Groups {
		for _, r := range g.Rules {
			check(r.Alert, r.Expr)
		}
	}
}

// Whoever is woken has a page to read.
func TestEveryAlertHasASectionThatSaysWhatToDo(t *testing.T) {
	text, err := os.ReadFile("../../../docs/operations.md")
	require.NoError(t, err)
	_, part, found := strings.Cut(string(text), "\n## When an alert fires\n")
	require.True(t, found)
	part, _, _ = strings.Cut(part, "\n## ")
	var documented, alerts []string
	for _, section := range strings.Split(part, "\n### ")[1:] {
		name, what, _ := strings.Cut(section, "\n")
		documented = append(documented, name)
		require.Greater(t, len(strings.TrimSpace(what)), 60, "%s says what to do", name)
	}
	for _, g := range readRules(t).Groups {
		for _, r := range g.Rules {
			alerts = append(alerts, r.Alert)
			require.Contains(t, []string{"warning", "critical"}, r.Labels["severity"], r.Alert)
			require.NotEmpty(t, r.Annotations["summary"], r.Alert)
		}
	}
	require.Equal(t, alerts, documented, "in the same order")
	slices.Sort(alerts)
	require.Len(t, slices.Compact(alerts), len(documented))
}
