using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Dreamport.Tests")]
[assembly: InternalsVisibleTo("Dreamport.Live")]
