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
            .config("spark.sql.session.timeZone", "UTC")
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
        answers.println("done " + (words[0].equals("read") ? read(spark, words) : rewrite(spark, words)));
      } catch (Exception error) {
        answers.println("failed " + error.toString().replace('\n', ' '));
      }
      answers.flush();
    }
    spark.stop();
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
