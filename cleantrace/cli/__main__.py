from cleantrace.cli import app

app(prog_name="cleantrace")
