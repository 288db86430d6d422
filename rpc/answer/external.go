package answer

// External are the names of the backends for which texts can leave the machine: what an admin of the cluster can name.
var External = []string{"gemini", "openai"}
