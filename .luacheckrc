std = "max"
max_line_length = 120
files["spec"] = { std = "+busted", max_string_line_length = false }
files["**/*.nse"] = {
  globals = { "SCRIPT_NAME", "action", "author", "categories", "dependencies", "description", "license", "portrule",
    "prerule" },
}
