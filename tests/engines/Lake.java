import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.util.Map;
import org.apache.iceberg.CatalogUtil;
import org.apache.iceberg.catalog.Catalog;
import org.apache.iceberg.catalog.Namespace;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.spark.actions.SparkActions;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** Spark as a reader and keeper of a lake's tables: one command a line on standard input, one answer a line. */
public class Lake {
  public static void main(String[] arguments) throws Exception {
    PrintStream answers = System.out;
    System.setOut(System.err);
    SparkSession spark =
        SparkSession.builder()
            .master("local[1]")
            .config("spark.ui.enabled", "false")
            .config("spark.sql.shuffle.partitions", "1") // tables of a few rows, one core
            .config("spark.sql.session.timeZone", "UTC")
            .config("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.sql.warehouse.dir", System.getProperty("java.io.tmpdir"))
            // Paths are read through the default catalog, which would be Hive's; its classes come with a whole Spark only.
            .config("spark.sql.catalog.default_iceberg", "org.apache.iceberg.spark.SparkCatalog")
            .config("spark.sql.catalog.default_iceberg.type", "hadoop")
            .config("spark.sql.catalog.default_iceberg.warehouse", System.getProperty("java.io.tmpdir"))
            .getOrCreate();
    answers.println("ready");
    BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
    for (String line = commands.readLine(); line != null; line = commands.readLine()) {
      String[] words = line.split("\t");
      try {
        answers.println("done " + done(spark, words));
      } catch (Exception error) {
        answers.println("failed " + error.toString().replace('\n', ' '));
      }
      answers.flush();
    }
    spark.stop();
  }

  private static long done(SparkSession spark, String[] words) throws Exception {
    switch (words[0]) {
      case "read":
        return read(spark, words);
      case "ask":
        return ask(spark, words);
      case "appended":
        return appended(spark, words);
      case "changelog":
        return changelog(spark, words);
      case "stream":
        return stream(spark, words);
      default:
        return rewrite(spark, words);
    }
  }

  /** ask LAKE OUT STATEMENT... QUERY: the query's answer over the lake's tables by name, as JSON lines. */
  private static long ask(SparkSession spark, String[] words) {
    for (String table :
        new String[] {"articles", "article_entities", "article_places", "cluster_events", "fate"}) {
      spark.read().format("iceberg").load(words[1] + "/" + table).createOrReplaceTempView(table);
    }
    for (int at = 3; at < words.length - 1; at++) {
      spark.sql(words[at]);
    }
    Dataset<Row> rows = spark.sql(words[words.length - 1]);
    rows.coalesce(1).write().option("ignoreNullFields", "false").mode("overwrite").json(words[2]);
    return rows.count();
  }

  /** appended PATH OUT AFTER: what was appended to a table after a snapshot, as JSON lines. */
  private static long appended(SparkSession spark, String[] words) {
    Dataset<Row> rows = spark.read().format("iceberg").option("start-snapshot-id", words[3]).load(words[1]);
    rows.selectExpr("url", "`offset`").coalesce(1).write().mode("overwrite").json(words[2]);
    return rows.count();
  }

  /** changelog LAKE OUT TABLE AFTER KEY: Iceberg's changelog view of a table after a snapshot, rows told by a key. */
  private static long changelog(SparkSession spark, String[] words) {
    var lake = java.nio.file.Path.of(words[1]);
    String catalog = "lakes" + System.nanoTime();
    spark.conf().set("spark.sql.catalog." + catalog, "org.apache.iceberg.spark.SparkCatalog");
    spark.conf().set("spark.sql.catalog." + catalog + ".type", "hadoop");
    spark.conf().set("spark.sql.catalog." + catalog + ".warehouse", lake.getParent().toString());
    spark.sql(
        String.format(
            "CALL %s.system.create_changelog_view(table => '%s.%s', changelog_view => 'changed', "
                + "options => map('start-snapshot-id', '%s'), identifier_columns => array('%s'))",
            catalog, lake.getFileName(), words[3], words[4], words[5].replace(",", "', '")));
    Dataset<Row> rows = spark.sql("SELECT `offset`, _change_type FROM changed");
    rows.coalesce(1).write().mode("overwrite").json(words[2]);
    return rows.count();
  }

  /** stream PATH OUT SKIP: what is new in a table since the last call with the same OUT, added to OUT as JSON lines. */
  private static long stream(SparkSession spark, String[] words) throws Exception {
    spark
        .readStream()
        .format("iceberg")
        .option("streaming-skip-overwrite-snapshots", words[3])
        .load(words[1])
        .selectExpr("url", "`offset`")
        .writeStream()
        .format("json")
        .option("path", words[2])
        .option("checkpointLocation", words[2] + ".checkpoint")
        .trigger(org.apache.spark.sql.streaming.Trigger.AvailableNow())
        .start()
        .awaitTermination();
    return 0;
  }

  /** read PATH OUT EXPRESSION...: the table at a path, as JSON lines. */
  private static long read(SparkSession spark, String[] words) {
    String[] columns = java.util.Arrays.copyOfRange(words, 3, words.length);
    Dataset<Row> rows = spark.read().format("iceberg").load(words[1]).selectExpr(columns);
    rows.coalesce(1).write().option("ignoreNullFields", "false").mode("overwrite").json(words[2]);
    return rows.count();
  }

  /** rewrite CATALOG NAMESPACE TABLE: merge the table's small files, by Iceberg's own action. */
  private static long rewrite(SparkSession spark, String[] words) throws Exception {
    Map<String, String> properties =
        Map.of("uri", "jdbc:sqlite:" + words[1], "jdbc.schema-version", "V1", "warehouse", words[1] + ".d");
    Catalog catalog =
        CatalogUtil.loadCatalog(
            "org.apache.iceberg.jdbc.JdbcCatalog", "newsmill", properties, new org.apache.hadoop.conf.Configuration());
    var table = catalog.loadTable(TableIdentifier.of(Namespace.of(words[2]), words[3]));
    var done =
        SparkActions.get(spark).rewriteDataFiles(table).option("rewrite-all", "true").option("min-input-files", "1").execute();
    ((AutoCloseable) catalog).close(); // its connection would keep SQLite's lock
    return done.rewrittenDataFilesCount();
  }
}
