namespace X { [NUnit.Framework.TestFixture] public class Smoke { [NUnit.Framework.Test] public void One() => NUnit.Framework.Assert.That(1+1, NUnit.Framework.Is.EqualTo(2)); } }
